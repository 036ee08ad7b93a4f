//! What is asked of the service, and what is recorded of it.

use std::collections::BTreeSet;

use assets::AssetKey;
use assets::policy::Consistency;
use headwater::execute::{CORRELATION, Windows};
use headwater::ports::RunRequest;
use headwater::state::{Intent, IntentId, RunId};

use crate::world::World;
use crate::world::network::of_correlation;

impl World {
    /// S7: a token leaves within the time in which the service surely remembers it. S10: only for
    /// the workspace that the state belongs to.
    pub(crate) fn check_leaving(&mut self, request: &RunRequest) {
        let age = self.service.leaves(&request.token, self.time.truth);
        if age >= Windows::default().horizon {
            let hours = age.num_hours();
            self.violate("S7", || format!("a token is sent again after {hours} h"));
        }
        let pinned = self.store.pinned_workspace().unwrap();
        if pinned.as_deref() != Some("w1") {
            self.violate("S10", || format!("sent with the state of {pinned:?}"));
        }
    }

    /// S1, S2 and S6, whenever a run begins; L2: it belongs to an intent.
    pub(crate) fn check_started(&mut self, run: RunId) {
        let Some(started) = self.service.get(run) else {
            return;
        };
        let (asset, correlation) = (started.asset, started.correlation().map(str::to_owned));
        let Some(correlation) = correlation else {
            return self.violate("L2", || format!("run {run} carries no correlation"));
        };
        let others = self.service.runs.iter().filter(|other| other.run.id != run);
        let mut twin = None;
        let mut rival = None;
        let mut active = 1;
        let mut attempts = 1;
        let of_intent = of_correlation(&correlation).map(|(intent, _)| intent);
        for other in others {
            if other.correlation() == Some(&correlation) {
                twin = Some(other.run.id);
            }
            let theirs = other.correlation().and_then(of_correlation);
            attempts += usize::from(theirs.map(|(intent, _)| intent) == of_intent);
            if other.is_active() {
                active += 1;
                if other.asset == asset {
                    rival = Some(other.run.id);
                }
            }
        }
        if let Some(twin) = twin {
            self.violate("S1", || {
                format!("runs {twin} and {run} of attempt {correlation}")
            });
        }
        if let Some(rival) = rival {
            let name = self.name(asset);
            self.violate("S2", || {
                format!("runs {rival} and {run} build {name} at once")
            });
        }
        let limit = usize::try_from(self.topology.limits.max_concurrent_runs).unwrap();
        if active > limit {
            self.violate("S6", || format!("{active} runs at once of {limit}"));
        }
        let allowed = usize::try_from(self.topology.assets[asset].attempts).unwrap();
        if attempts > allowed {
            self.violate("S6", || {
                format!("{attempts} runs of an intent that has {allowed} attempts")
            });
        }
        if !of_intent.is_some_and(|intent| self.intents.contains_key(&intent)) {
            self.violate("L2", || format!("run {run} belongs to no intent"));
        }
    }

    /// S9: nothing that waits for agreement is begun on what nobody could read.
    pub(crate) fn check_intended(&mut self, intent: &Intent, unknown: &BTreeSet<AssetKey>) {
        let Some(asset) = self.topology.graph.index_of(intent.assets[0].as_str()) else {
            return;
        };
        let asset = asset.position();
        self.intents.insert(intent.id.clone(), asset);
        let node = &self.topology.assets[asset];
        let waits = node.consistency
            == Consistency::Settled {
                proceed_after: None,
            };
        let inputs = node.inputs.iter().map(|at| &self.topology.assets[*at].key);
        let blind: Vec<&AssetKey> = inputs.filter(|input| unknown.contains(*input)).collect();
        if waits && !blind.is_empty() {
            let what = format!("{} is begun while {blind:?} are unknown", node.name);
            self.violate("S9", || what);
        }
        self.note(|world| {
            format!(
                "intent {} for {}: {}",
                intent.id,
                world.name(asset),
                intent.reason
            )
        });
    }

    /// S3: a run that is recorded belongs to that attempt.
    pub(crate) fn check_recorded(&mut self, intent: &IntentId, attempt: u32, run: RunId) {
        let wanted = format!("{intent}.{attempt}");
        let found = self.service.get(run);
        let found = found.and_then(|run| run.run.parameters.get(CORRELATION));
        if found != Some(&wanted) {
            let what = format!("run {run} of {found:?} is recorded for {wanted}");
            self.violate("S3", || what);
        }
        self.note(|_| format!("run {run} is recorded for {wanted}"));
    }
}
