//! What a run understood of a target, said back: an exemption that was lost on its way shows here.

use std::collections::BTreeMap;

use crate::declare::{RowValue, Target};
use crate::model::{DependentAction, Expression};

/// One line for each part of a target; "none" where nothing was written.
pub fn of(target: &Target) -> BTreeMap<String, String> {
    let expression =
        |expression: &Option<Expression>| expression.as_ref().map(|e| e.written.clone());
    let value = |value: &RowValue| match value {
        RowValue::Column(column) => column.clone(),
        RowValue::Expression(expression) => expression.written.clone(),
    };
    let list = |items: Vec<String>| (!items.is_empty()).then(|| items.join("; "));
    let action = match &target.update {
        None => "Delete".to_owned(),
        Some(set) => {
            let set: Vec<String> =
                set.iter().map(|(c, e)| format!("{c} = {}", e.written)).collect();
            format!("Update, set {}", set.join(", "))
        }
    };
    let windows = target.windows.as_ref().map(|windows| {
        let sources: Vec<&str> =
            windows.sources.iter().map(|source| source.name.as_str()).collect();
        let mut text = format!("default {}", windows.default);
        if !windows.tenants.is_empty() {
            text += &format!(", tenants with their own: {}", windows.tenants.len());
        }
        if !sources.is_empty() {
            text += &format!(", sources {}", sources.join(", "));
        }
        text
    });
    let keep = target.keep_newest.as_ref().map(|keep| {
        let of = if keep.partition_by.is_empty() {
            String::new()
        } else {
            format!(" of each {}", keep.partition_by.join(", "))
        };
        format!("{} rows{of} by {}", keep.rows, keep.order_by.join(", "))
    });
    let exemptions =
        target.exemptions.iter().map(|(name, when)| format!("{name}: {}", when.written));
    let dependents = target.dependents.iter().map(|dependent| {
        let action = match dependent.action {
            DependentAction::Delete => "Delete",
            DependentAction::Update(_) => "Update",
            DependentAction::Keep => "Keep",
        };
        format!("{}: {action}", dependent.name)
    });
    let parts = [
        ("table", Some(target.table.to_string())),
        ("action", Some(action)),
        ("window", windows),
        ("tenant", target.tenant.as_ref().map(value)),
        ("age", target.age.as_ref().map(|age| value(&age.value))),
        ("keepNewest", keep),
        ("where", expression(&target.selection)),
        ("exemptions", list(exemptions.collect())),
        ("dependents", list(dependents.collect())),
        ("maxRowsPerRun", target.cap.map(|cap| cap.to_string())),
    ];
    let told = |text: Option<String>| text.unwrap_or_else(|| "none".to_owned());
    parts.into_iter().map(|(name, text)| (name.to_owned(), told(text))).collect()
}
