//! Rows of some blocks, locked and judged before they go by their addresses.

use std::collections::BTreeMap;

use super::{Answer, Outcome, Taking, apart, count, going, misread, number, read_verdict};
use crate::database::Session;
use crate::model::{Key, Target, Value};
use crate::plan::Fate;
use crate::purge::batch::{self, BatchError, act};
use crate::purge::judge::{Bench, Verdict};
use crate::purge::tally::Taken;
use crate::purge::watch::Point;
use crate::sql::Instants;
use crate::sql::postgres;

/// Locked rows of one tenant and one verdict.
struct Places {
    tenant: Value,
    verdict: Verdict,
    rows: u64,
    /// Their addresses, as the database writes an array of them.
    addresses: String,
}

impl Taking<'_> {
    pub(super) async fn locked(
        &self,
        instants: &Instants,
        session: &mut Session,
    ) -> Result<Outcome, BatchError> {
        let Self { bench, lane, most, job, .. } = *self;
        let target = bench.target;
        let claim = postgres::claim_due(target, instants, &self.blocks(), &lane.bound, most + 1);
        let claimed = session.rows(&claim).await?;
        job.watch.reached(Point::Locked);
        let mut locked = 0;
        let mut groups = Vec::new();
        // Addresses of those that the row itself lets go, by their cutoffs.
        let mut due: BTreeMap<usize, String> = BTreeMap::new();
        for row in claimed {
            let [tenant, reached, verdict, rows, places] = row.try_into().map_err(misread)?;
            let rows = count(&rows)?;
            locked += rows;
            let Value::Text(places) = places else { return Err(misread(places).into()) };
            let Fate::Cutoff(cutoff) = bench.cutoffs.of(&tenant) else { continue };
            let own = lane.cutoffs.partition_point(|other| *other < cutoff);
            // A row that has not reached its own cutoff is strictly older.
            if count(&reached)? > own as u64 {
                continue;
            }
            if postgres::is_judged_alone(target) {
                let verdict = read_verdict(target, number(&verdict)?)?;
                groups.push(Places { tenant, verdict, rows, addresses: places });
            } else {
                join(due.entry(own).or_default(), &places);
            }
        }
        if locked > most as u64 {
            return Err(BatchError::TooMany);
        }
        if !due.is_empty() {
            let due: Vec<(String, Value)> = due
                .into_iter()
                .map(|(at, places)| (closed(&places), lane.bound[at].clone()))
                .collect();
            // A second statement, with a snapshot of its own: it sees what was committed before the
            // locks were had, in other tables too.
            let own = postgres::by_row(target);
            if !lane.sets_off && !lane.one_by_one {
                return self.take_judged(&own, instants, &due, locked, session).await;
            }
            for row in session.rows(&postgres::judge_locked(&own, instants, &due)).await? {
                let [tenant, verdict, rows, places] = row.try_into().map_err(misread)?;
                let Value::Text(places) = places else { return Err(misread(places).into()) };
                let verdict = read_verdict(target, number(&verdict)?)?;
                groups.push(Places { tenant, verdict, rows: count(&rows)?, addresses: places });
            }
        }
        if groups.iter().any(|group| group.verdict == Verdict::Referenced) {
            return Err(apart("something points at a row"));
        }
        job.watch.reached(Point::Judged);
        let going = groups.iter().filter(|group| group.verdict == Verdict::Goes);
        let gone = going.clone().map(|group| group.rows).sum();
        let mut places = String::new();
        for group in going {
            join(&mut places, &group.addresses);
        }
        let dependents = match gone {
            0 => vec![0; target.dependents.len()],
            _ if lane.one_by_one => {
                let target = &target.by_address();
                let bench = Bench { target, ..*bench };
                Box::pin(act::on(&bench, &keys(&places), Fate::Each, session)).await?
            }
            _ => {
                if lane.sets_off {
                    session.act().await?;
                }
                let delete = postgres::delete_at(target, &closed(&places));
                batch::delete_counted(target, &delete, gone, session).await?
            }
        };
        let taken = groups.into_iter().map(|Places { tenant, verdict, rows, .. }| Taken {
            tenant,
            verdict,
            rows,
        });
        Ok(Outcome { taken: taken.collect(), dependents, due: locked, gone })
    }

    /// Judges and deletes locked rows by one statement, where no trigger needs another search path.
    async fn take_judged(
        &self,
        own: &Target,
        instants: &Instants,
        due: &[(String, Value)],
        locked: u64,
        session: &mut Session,
    ) -> Result<Outcome, BatchError> {
        let tables = self.dependent_tables();
        let take = postgres::take_locked(own, instants, due, &tables);
        let answer = Answer::of(own, session.rows(&take).await?)?;
        let taken = answer.by_tenant.into_iter();
        let taken: Vec<Taken> = taken.map(Taken::from).collect();
        // What was deleted comes back, as nothing is committed.
        if taken.iter().any(|taken| taken.verdict == Verdict::Referenced) {
            return Err(apart("something points at a row"));
        }
        self.job.watch.reached(Point::Judged);
        let gone = going(&taken);
        let acted = answer.in_all.iter().map(|group| group.rows).sum();
        if acted != gone {
            return Err(BatchError::NotActed { judged: gone, acted });
        }
        let dependents = batch::deleted_since(&answer.before, &tables, session).await?;
        Ok(Outcome { taken, dependents, due: locked, gone })
    }
}

/// Appends one array's elements to those of others.
fn join(all: &mut String, places: &str) {
    if !all.is_empty() {
        all.push(',');
    }
    all.push_str(places.trim_start_matches('{').trim_end_matches('}'));
}

fn closed(places: &str) -> String {
    format!("{{{}}}", places.trim_start_matches('{').trim_end_matches('}'))
}

/// The addresses of an array without its braces.
fn keys(places: &str) -> Vec<Key> {
    let places = places.trim_matches('"').split("\",\"");
    places.map(|place| Key(vec![Value::Text(place.to_owned())])).collect()
}
