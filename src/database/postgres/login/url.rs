//! A connection URI, taken apart as libpq does it. Other parsers of URLs disagree with it on
//! several hosts, on sockets, and on where a password ends.

use std::collections::BTreeMap;

use super::fault::Fault;

/// libpq's keywords with their values. What is empty is not said.
pub type Parameters = BTreeMap<String, String>;

pub fn parse(url: &str) -> Result<Parameters, Fault> {
    // `kubectl create secret --from-file` brings the file's last line feed along.
    let url = url.trim_ascii();
    let schemes = ["postgresql://", "postgres://"];
    let Some(rest) = schemes.iter().find_map(|scheme| url.strip_prefix(scheme)) else {
        return Err(Fault::url(
            "the URL does not begin with postgresql:// or postgres://",
            "write postgresql://USER:PASSWORD@HOST:5432/DATABASE; in a Secret of CloudNativePG it is under the key uri",
        ));
    };
    if rest.contains(|char: char| char.is_whitespace() || char.is_control()) {
        return Err(Fault::url("the URL has a space in it", "write %20 for it"));
    }
    let mut found = Parameters::new();
    // libpq looks for the end of user and password no further than the first slash.
    let place = rest.split_once('@').filter(|(login, _)| !login.contains('/'));
    let rest = match place {
        None => rest,
        Some((login, rest)) => {
            let (user, password) = login.split_once(':').unwrap_or((login, ""));
            add(&mut found, "user", user, "the user")?;
            add(&mut found, "password", password, "the password")?;
            rest
        }
    };
    let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
    if place.contains('@') {
        // What stands there may be the end of a password.
        return Err(Fault::url(
            "there is an @ behind the user and the password, or a / within them",
            "write %40 for an @ and %2F for a / that belong to them",
        ));
    }
    let (hosts, database) = place.split_once('/').unwrap_or((place, ""));
    let (host, port) = single(hosts)?;
    add(&mut found, "host", host, "the host")?;
    add(&mut found, "port", port, "the port")?;
    add(&mut found, "dbname", database, "the database")?;
    for pair in query.split_terminator('&') {
        let (name, value) = pair.split_once('=').ok_or_else(|| Fault::url(SEPARATOR, PAIRS))?;
        if value.contains('=') {
            return Err(Fault::url(SEPARATOR, PAIRS));
        }
        let name = decoded(name, "the name of a parameter")?;
        match (&*name, value) {
            // As JDBC has it.
            ("ssl", "true") => add(&mut found, "sslmode", "require", "ssl")?,
            _ => add(&mut found, &name, value, "a parameter")?,
        }
    }
    Ok(found)
}

const SEPARATOR: &str = "a parameter of the URL is not of the form NAME=VALUE";
const PAIRS: &str = "write ?NAME=VALUE&NAME=VALUE; within a value %3D for = and %26 for &";

/// Host and port of the one server that is named.
fn single(hosts: &str) -> Result<(&str, &str), Fault> {
    if hosts.contains(',') {
        return Err(Fault::several());
    }
    let Some(address) = hosts.strip_prefix('[') else {
        return Ok(hosts.split_once(':').unwrap_or((hosts, "")));
    };
    match address.split_once(']') {
        Some((host, "")) if !host.is_empty() => Ok((host, "")),
        Some((host, port)) if !host.is_empty() && port.starts_with(':') => Ok((host, &port[1..])),
        _ => Err(Fault::url("the host is no IPv6 address in brackets", "write [ADDRESS]:PORT")),
    }
}

/// The later one wins, as with libpq.
fn add(found: &mut Parameters, name: &str, text: &str, what: &str) -> Result<(), Fault> {
    let value = decoded(text, what)?;
    // libpq takes an empty value for the default, but for this one.
    if value.is_empty() && name != "sslmode" {
        found.remove(name);
    } else {
        found.insert(name.to_owned(), value);
    }
    Ok(())
}

fn decoded(text: &str, what: &str) -> Result<String, Fault> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, others @ ..] = rest {
        rest = others;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let digits = others.get(..2).filter(|digits| digits.iter().all(u8::is_ascii_hexdigit));
        let byte = digits
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok())
            .filter(|byte| *byte != 0);
        let Some(byte) = byte else {
            return Err(Fault::url(
                format!("{what} has a % that is not followed by two hexadecimal digits, or by 00"),
                "write %25 for a % of its own",
            ));
        };
        bytes.push(byte);
        rest = &others[2..];
    }
    // The error would hold the bytes.
    String::from_utf8(bytes).ok().ok_or_else(|| {
        Fault::url(format!("{what} is not in UTF-8"), "write each byte of it in UTF-8 as %XX")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(url: &str) -> Result<String, String> {
        let pairs = |found: Parameters| {
            found.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>()
        };
        parse(url).map(|found| pairs(found).join(" ")).map_err(|fault| fault.what)
    }

    #[test]
    fn a_url_is_taken_apart_as_libpq_does_it() {
        for (url, what) in [
            ("postgresql://u:p@h:5433/d", "dbname=d host=h password=p port=5433 user=u"),
            ("postgres://u@h", "host=h user=u"),
            ("postgresql:///d?host=/run/pg&user=u", "dbname=d host=/run/pg user=u"),
            ("postgresql://u@%2Frun%2Fpg/d", "dbname=d host=/run/pg user=u"),
            ("postgresql://u@[2001:db8::1]:5433/d", "dbname=d host=2001:db8::1 port=5433 user=u"),
            ("postgresql://u@[::1]/d", "dbname=d host=::1 user=u"),
            (
                "postgresql://a%40b:%3A%2F%3F%23%25+%20@h/d%2Fe",
                "dbname=d/e host=h password=:/?#%+  user=a@b",
            ),
            ("postgresql://u:p?w#d:x@h/d", "dbname=d host=h password=p?w#d:x user=u"),
            ("postgresql://u:@h/", "host=h user=u"),
            ("postgresql://u@h/d?dbname=e&user=v&port=1", "dbname=e host=h port=1 user=v"),
            ("postgresql://u@h?sslmode=disable&sslmode=require", "host=h sslmode=require user=u"),
            ("postgresql://u@h/d?ssl=true", "dbname=d host=h sslmode=require user=u"),
            (
                "postgresql://u@h/d?application_name=a@b%26c&",
                "application_name=a@b&c dbname=d host=h user=u",
            ),
            ("  postgresql://u@h/d\n", "dbname=d host=h user=u"),
            ("postgresql://u@h/%C3%A4", "dbname=ä host=h user=u"),
        ] {
            assert_eq!(said(url).as_deref(), Ok(what), "{url}");
        }
    }

    #[test]
    fn what_is_no_url_of_libpqs_is_refused_and_nothing_of_it_is_told() {
        for (url, what) in [
            ("host=h user=u password=hunter2", "does not begin"),
            ("jdbc:postgresql://h:5432/d?password=hunter2&user=u", "does not begin"),
            ("mysql://u:hunter2@h/d", "does not begin"),
            ("PostgreSQL://u:hunter2@h/d", "does not begin"),
            ("postgresql://u:hunter2 @h/d", "a space"),
            ("postgresql://u:p@hunter2@h/d", "an @"),
            ("postgresql://u:p/hunter2@h/d", "an @"),
            ("postgresql://u:hunter2%@h/d", "the password has a %"),
            ("postgresql://u:hunter2%4@h/d", "the password has a %"),
            ("postgresql://u:hunter2%00@h/d", "the password has a %"),
            ("postgresql://u:hunter2%FF@h/d", "the password is not in UTF-8"),
            ("postgresql://u@h/d?hunter2", "not of the form"),
            ("postgresql://u@h/d?a=b=hunter2", "not of the form"),
            ("postgresql://u@[hunter2/d", "no IPv6 address"),
            ("postgresql://u@[]/d", "no IPv6 address"),
            ("postgresql://u@[::1]hunter2/d", "no IPv6 address"),
            ("postgresql://u@hunter2:1,h/d", "several"),
            ("postgresql://u@[::1],[::2]/d", "several"),
        ] {
            let told = said(url).expect_err(url);
            assert!(told.contains(what) && !told.contains("hunter2"), "{url}: {told}");
        }
    }
}
