//! Values as the texts that statements cast, byte by byte: not every database holds UTF-8.

use std::borrow::Cow;

use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::postgres::{PgArgumentBuffer, PgHasArrayType, PgTypeInfo};
use sqlx::{Encode, Postgres, Type};

use crate::model::Value;

/// A text as the server gets it.
pub struct Text<'v>(Cow<'v, [u8]>);

/// `None`: NULL.
pub fn of(value: &Value) -> Option<Text<'_>> {
    match value {
        Value::Garbled(bytes) => Some(Text(bytes.into())),
        Value::Text(text) => Some(Text(text.as_bytes().into())),
        value => crate::sql::in_text(value).map(|text| Text(text.into_bytes().into())),
    }
}

impl Type<Postgres> for Text<'_> {
    fn type_info() -> PgTypeInfo {
        <String as Type<Postgres>>::type_info()
    }
}

impl PgHasArrayType for Text<'_> {
    fn array_type_info() -> PgTypeInfo {
        <String as PgHasArrayType>::array_type_info()
    }
}

impl Encode<'_, Postgres> for Text<'_> {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        buffer.extend_from_slice(&self.0);
        Ok(IsNull::No)
    }
}
