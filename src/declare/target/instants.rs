//! Columns that hold instants: ages, and what the newest is told by.

use super::Reader;
use crate::api;
use crate::declare::fields::parse_zone;
use crate::declare::{Age, EncodingWord, KeepNewest};
use crate::model::{Reason, Refusal, TableName};

impl Reader<'_> {
    pub(super) fn age(&mut self, age: &api::Age, table: &TableName) -> Option<Age> {
        let field = format!("{}.age", self.field);
        let value = self.row_value(age.column.as_deref(), age.expression.as_deref(), &field, table);
        let zone = self.zone(age.time_zone.as_deref(), age.encoding, &field)?;
        Some(Age { value: value?, encoding: age.encoding.map(encoding_word), zone })
    }

    /// Outer `None`: refused.
    fn zone(
        &mut self,
        name: Option<&str>,
        encoding: Option<api::Encoding>,
        field: &str,
    ) -> Option<Option<jiff::tz::TimeZone>> {
        let field = format!("{field}.timeZone");
        if let (Some(_), Some(api::Encoding::UnixSeconds | api::Encoding::UnixMillis)) =
            (name, encoding)
        {
            self.refusals.push(Refusal::new(
                field,
                Reason::Conflict,
                "an epoch has no time zone",
                "remove timeZone",
            ));
            return None;
        }
        match name {
            Some(name) => self.keep(parse_zone(name, &field)).map(Some),
            None => Some(None),
        }
    }

    pub(super) fn keep_newest(&mut self, keep: &api::KeepNewest) -> Option<KeepNewest> {
        let field = format!("{}.keepNewest", self.field);
        if keep.rows < 1 {
            self.refuse(
                ".keepNewest.rows",
                Reason::InvalidValue,
                "keeping none of the newest is no floor",
                "write 1 or more",
            );
        }
        if keep.order_by.is_empty() {
            self.refuse(
                ".keepNewest.orderBy",
                Reason::Required,
                "nothing says which rows are the newest",
                "write orderBy: [created_at, id]",
            );
        }
        let zone = self.zone(keep.time_zone.as_deref(), keep.encoding, &field)?;
        Some(KeepNewest {
            rows: keep.rows.unsigned_abs(),
            partition_by: keep.partition_by.clone(),
            order_by: keep.order_by.clone(),
            encoding: keep.encoding.map(encoding_word),
            zone,
        })
    }
}

fn encoding_word(word: api::Encoding) -> EncodingWord {
    match word {
        api::Encoding::Text => EncodingWord::Text,
        api::Encoding::UnixSeconds => EncodingWord::UnixSeconds,
        api::Encoding::UnixMillis => EncodingWord::UnixMillis,
    }
}
