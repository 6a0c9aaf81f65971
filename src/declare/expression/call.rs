//! Calls of functions.

use std::ops::ControlFlow;

use sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentList, FunctionArguments, Spanned,
    Value, visit_expressions,
};
use sqlparser::tokenizer::Span;

use super::walk::Walk;
use crate::declare::functions::{self, Verdict};
use crate::model::{Engine, Refusal};

const LIST: &str = "use one of the functions that docs/reference.md lists";

impl Walk<'_> {
    pub(super) fn function(&mut self, function: &Function) -> Result<(), Refusal> {
        let Function {
            name,
            uses_odbc_syntax: false,
            parameters: FunctionArguments::None,
            args:
                FunctionArguments::List(FunctionArgumentList { duplicate_treatment: _, args, clauses }),
            filter: None,
            null_treatment: None,
            over: None,
            within_group,
        } = function
        else {
            let write = "call pure functions with plain arguments; for the time use :now";
            let bare = function.to_string();
            let what = format!("`{bare}` is not allowed");
            if self.engine() == Engine::Sqlite || function.args != FunctionArguments::None {
                return Err(self.refuse(function.span(), &what, write));
            }
            let lower = bare.to_lowercase();
            if functions::judge(self.engine(), &lower, 0) == Verdict::FollowsClock {
                self.called(&lower, 0, function.span(), &bare)?;
            }
            // Words such as `user`, which PostgreSQL reads as questions about the session.
            let write = format!("{write}; if a column is meant, write \"{lower}\"");
            return Err(self.refuse(function.span(), &what, &write));
        };
        let lower = name.to_string().to_lowercase();
        if self.engine() == Engine::Postgres && lower == "position" {
            return Err(self.refuse(
                function.span(),
                "position() takes no commas",
                "write position(a in b), or strpos(b, a)",
            ));
        }
        self.called(&lower, args.len(), function.span(), &function.to_string())?;
        if !clauses.is_empty() || !within_group.is_empty() {
            return Err(self.refuse(
                function.span(),
                "clauses inside of a function call are not allowed",
                LIST,
            ));
        }
        for (place, arg) in args.iter().enumerate() {
            match arg {
                FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => {
                    self.refuse_wall_clock(&lower, place, expr)?;
                    self.expr(expr)?;
                }
                FunctionArg::Unnamed(FunctionArgExpr::Wildcard) if lower == "count" => {}
                other => {
                    return Err(self.refuse(
                        function.span(),
                        &format!("the argument {other} is not allowed"),
                        LIST,
                    ));
                }
            }
        }
        Ok(())
    }

    /// Whether a function, or what the grammar makes one of, may be called here.
    pub(super) fn called(
        &self,
        lower: &str,
        arguments: usize,
        span: Span,
        shown: &str,
    ) -> Result<(), Refusal> {
        match functions::judge(self.engine(), lower, arguments) {
            Verdict::Scalar => Ok(()),
            Verdict::Aggregate if !self.scopes.is_empty() => Ok(()),
            Verdict::Aggregate => Err(self.refuse(
                span,
                &format!("{lower}() aggregates, and stands outside of a subquery"),
                "put it into a subquery: (select count(*) from ...)",
            )),
            Verdict::FollowsClock => Err(self.refuse(
                span,
                &format!("`{shown}` follows the machine and not the run's clock"),
                match self.engine() {
                    Engine::Sqlite => "use :now, or name the instant",
                    Engine::Postgres => "use :now",
                },
            )),
            Verdict::Arguments { least, most } => Err(self.refuse(
                span,
                &format!("{lower}() is called with {arguments} arguments"),
                &if least == most {
                    format!("call it with {least}")
                } else {
                    format!("call it with {least} to {most}")
                },
            )),
            Verdict::Unlisted => Err(self.refuse(
                span,
                &format!("the function {lower}() is not on the list of allowed functions"),
                LIST,
            )),
        }
    }

    /// `datetime('now')` reads another clock than the run's; `subsec` in the place of a time does so
    /// too, and `localtime` and `utc` ask where the machine stands. Any text in the argument counts:
    /// what brackets or a function would make of it is not known here.
    fn refuse_wall_clock(
        &self,
        function: &str,
        place: usize,
        argument: &Expr,
    ) -> Result<(), Refusal> {
        if self.engine() != Engine::Sqlite {
            return Ok(());
        }
        let time = match function {
            "date" | "time" | "datetime" | "julianday" | "unixepoch" => 0,
            "strftime" => 1,
            _ => return Ok(()),
        };
        let found = visit_expressions(argument, |expr| match expr {
            Expr::Value(value) => match &value.value {
                Value::SingleQuotedString(text) => {
                    let word = text.trim().to_ascii_lowercase();
                    let machines = match word.as_str() {
                        "now" | "localtime" | "utc" => true,
                        "subsec" | "subsecond" => place == time,
                        _ => false,
                    };
                    if machines {
                        ControlFlow::Break((value.span, text.clone()))
                    } else {
                        ControlFlow::Continue(())
                    }
                }
                _ => ControlFlow::Continue(()),
            },
            _ => ControlFlow::Continue(()),
        });
        match found {
            ControlFlow::Break((span, text)) => Err(self.refuse(
                span,
                &format!("'{text}' follows the machine and not the run's clock"),
                "use :now",
            )),
            ControlFlow::Continue(()) => Ok(()),
        }
    }
}
