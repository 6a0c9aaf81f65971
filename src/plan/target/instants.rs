//! Columns that hold instants: ages, and what the newest is told by.

use jiff::tz::TimeZone;

use super::Resolver;
use crate::declare::{self, EncodingWord};
use crate::model::{Age, Encoding, KeepNewest, OrderColumn, Reason, Scalar};

impl Resolver<'_> {
    pub(super) fn age(&mut self, age: &declare::Age) -> Option<Age> {
        let scalar = self.scalar(&age.value, ".age")?;
        let declared_type = match &scalar {
            Scalar::Column(column) => {
                self.table.column(column).map(|column| column.declared.clone())
            }
            Scalar::Expression(_) => None,
        };
        let encoding =
            self.encoding(age.encoding, age.zone.as_ref(), declared_type.as_deref(), ".age")?;
        Some(Age { scalar, encoding })
    }

    /// What the column's type does not say must be written. A number's unit is never guessed:
    /// milliseconds taken for seconds would keep everything, seconds taken for milliseconds would
    /// delete everything.
    fn encoding(
        &mut self,
        written: Option<EncodingWord>,
        zone: Option<&TimeZone>,
        declared: Option<&str>,
        part: &str,
    ) -> Option<Encoding> {
        let texts = ["TEXT", "CHAR", "CLOB", "DATE", "TIME"];
        let is_text =
            declared.is_some_and(|declared| texts.iter().any(|text| declared.contains(text)));
        let encoding = match written {
            Some(encoding) => encoding,
            None if is_text => EncodingWord::Text,
            None => {
                let what = match declared {
                    Some("") => "the column has no declared type, which does not say how it holds an instant".to_owned(),
                    Some(declared) => format!("the type {declared} does not say how it holds an instant"),
                    None => "an expression does not say how it holds an instant".to_owned(),
                };
                self.refuse(
                    &format!("{part}.encoding"),
                    Reason::Required,
                    what,
                    "write encoding: Text, UnixSeconds or UnixMillis",
                );
                return None;
            }
        };
        match (encoding, zone) {
            (EncodingWord::UnixSeconds, _) => Some(Encoding::UnixSeconds),
            (EncodingWord::UnixMillis, _) => Some(Encoding::UnixMillis),
            (EncodingWord::Text, Some(zone)) => Some(Encoding::Text { zone: zone.clone() }),
            (EncodingWord::Text, None) => {
                self.refuse(&format!("{part}.timeZone"), Reason::Required, "a text without an offset does not say in which zone it was written", "write timeZone: Etc/UTC (SQLite's CURRENT_TIMESTAMP is UTC), or the zone of the application's clock");
                None
            }
        }
    }

    pub(super) fn keep_newest(
        &mut self,
        keep: &declare::KeepNewest,
        age: Option<&Age>,
    ) -> Option<KeepNewest> {
        let before = self.refusals.len();
        let mut partition_by = Vec::new();
        for name in &keep.partition_by {
            partition_by.extend(self.column(self.table, name, ".keepNewest.partitionBy"));
        }
        let mut order_by = Vec::new();
        for (at, name) in keep.order_by.iter().enumerate() {
            let Some(column) = self.column(self.table, name, ".keepNewest.orderBy") else {
                continue;
            };
            let is_age =
                matches!(age.map(|age| &age.scalar), Some(Scalar::Column(aged)) if *aged == column);
            let encoding = match (at, keep.encoding) {
                (0, Some(written)) => {
                    self.encoding(Some(written), keep.zone.as_ref(), None, ".keepNewest")
                }
                _ if is_age => age.map(|age| age.encoding.clone()),
                _ => None,
            };
            order_by.push(OrderColumn { column, encoding });
        }
        if keep.zone.is_some() && keep.encoding.is_none() {
            self.refuse(
                ".keepNewest.timeZone",
                Reason::Conflict,
                "a zone without an encoding says nothing",
                "write encoding: Text too, or remove timeZone",
            );
        }
        (self.refusals.len() == before).then_some(KeepNewest {
            rows: keep.rows,
            partition_by,
            order_by,
        })
    }
}
