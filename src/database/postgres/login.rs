//! STUB until the login branch comes.
use sqlx::postgres::PgConnectOptions;

pub fn options(url: &str, _ca: Option<&[u8]>) -> Result<PgConnectOptions, String> {
    let options: PgConnectOptions = url.parse().map_err(|_| "bad".to_owned())?;
    Ok(options.extra_float_digits(None).statement_cache_capacity(0))
}
