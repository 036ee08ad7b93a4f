//! Plays a story line by line: moves the world, and lets the real pass act on a real state.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use assets::AssetKey;
use assets::partition::PartitionSet;
use headwater::execute::CORRELATION;
use headwater::ports::{RunState, State};
use headwater::reconcile::Mode;
use headwater::state::{
    Backfill, BackfillName, BackfillOrder, BackfillState, BackfillTarget, FullRefreshRequest,
    IntentId, Memory, Pushed, PushedWord, Pusher, RunId,
};
use headwater::store::Store;
use lineage::AssetGraph;

use super::declared::{Block, Declared, declare};
use super::processes::{Passed, Process, Scenery, new_state};
use super::story::{Backfilled, End, Line, Position, Step, read};
use super::teller::{After, Teller};
use super::words::{Problem, Told};
use super::world::World;

/// Tells a whole story: its lines, each with what came of it.
pub(super) fn play(text: &str) -> Told<String> {
    let lines = read(text)?;
    let mut player = Player::new();
    let mut told = String::new();
    for line in &lines {
        let outcome = line.step.as_ref().map_or(Ok(Vec::new()), |step| {
            let outcome = player.step(line, step);
            outcome.map_err(|message| Problem {
                line: line.number,
                message,
            })
        })?;
        told.push_str(&line.text);
        told.push('\n');
        for sentence in outcome {
            write!(told, "  > {sentence}").unwrap();
            told.push('\n');
        }
    }
    Ok(told)
}

/// What a line leads to, or why it makes no sense at this point.
type Outcome = Result<Vec<String>, String>;

struct Player {
    world: World,
    store: Store,
    project: Block,
    assets: Block,
    declared: Option<Declared>,
    ours: Process,
    rival: Process,
    /// What the state held after the last pass, or as a person left it since.
    memory: Memory,
    teller: Teller,
}

impl Player {
    fn new() -> Self {
        Self {
            world: World::new(),
            store: new_state(),
            project: Block::default(),
            assets: Block::default(),
            declared: None,
            ours: Process::named("we"),
            rival: Process::named("a rival"),
            memory: Memory::default(),
            teller: Teller::default(),
        }
    }

    fn step(&mut self, line: &Line, step: &Step) -> Outcome {
        match step {
            Step::Project(text) => {
                self.project = Block {
                    text: text.clone(),
                    above: line.number,
                };
                return self.declare();
            }
            Step::Assets(text) => {
                self.assets = Block {
                    text: text.clone(),
                    above: line.number - 1,
                };
                return self.declare();
            }
            Step::Now(moment) => {
                let mut scene = self.world.get();
                let by = scene.instant(*moment) - scene.now;
                if by < chrono::TimeDelta::zero() {
                    return Err(format!("it is {} already", scene.now));
                }
                scene.advance(by);
            }
            Step::Advance(by) => self.world.get().advance(*by),
            Step::Commit(committed) => {
                self.require(&committed.asset)?;
                let scene = &mut *self.world.get();
                let at = committed.at.map_or(scene.now, |at| scene.instant(at));
                if let Some((run, Some(started))) = committed.run {
                    scene.service.add_foreign(run, scene.instant(started));
                }
                scene.lake.commit(committed, at)?;
            }
            Step::Table(key, fate) => {
                self.require(key)?;
                self.world.get().lake.befall(key, fate);
            }
            Step::Finish(key, end) => self.finish(key, end)?,
            Step::NextSend(sending) => {
                let sendings = &mut self.world.get().service.sendings;
                sendings.push_back(sending.clone());
            }
            Step::Silent => self.world.get().service.is_silent = true,
            Step::Warehouse(answer) => self.world.get().warehouse.answer.clone_from(answer),
            Step::Back => self.world.get().service.is_silent = false,
            Step::Forget(key) => {
                let (job, attempt) = self.run_of(key, |_| true)?;
                let runs = &mut self.world.get().service.runs;
                runs.retain(|run| (run.job_id, run.id) != (job, attempt));
            }
            Step::Tick => return self.tick(),
            Step::RivalTick => {
                let rival = Process::named("a rival");
                let mut rival = std::mem::replace(&mut self.rival, rival);
                let told = self.pass_of(&mut rival);
                self.rival = rival;
                return told;
            }
            Step::Restart => self.restart(),
            Step::NewState => {
                self.store = new_state();
                self.memory = self.store.load().unwrap();
                self.restart();
            }
            Step::Plan => return self.plan(),
            Step::Retry(key) => {
                let now = self.world.get().now;
                if !self.store.lift_quarantine(key, "ann", now).unwrap() {
                    return Err(format!("`{key}` is not quarantined"));
                }
            }
            Step::FullRefresh(key) => {
                self.require(key)?;
                let request = FullRefreshRequest {
                    asked_at: self.world.get().now,
                    asked_by: "ann".to_owned(),
                    remaining: None,
                };
                self.store.request_full_refresh(key, &request).unwrap();
            }
            Step::Backfill(name, done) => return self.backfill(name, done),
            Step::Events(key, moment) => {
                self.require(key)?;
                let scene = &mut *self.world.get();
                let until = scene.instant(*moment);
                scene.lake.extend(key, until);
            }
            Step::Batch(batch) => {
                self.require(&batch.asset)?;
                for (source, _, _) in &batch.read {
                    self.require(source)?;
                }
                let scene = &mut *self.world.get();
                let until = batch.until.map(|moment| scene.instant(moment));
                let now = scene.now;
                scene.lake.batch(batch, (now, until));
            }
            Step::Push(key, position, begins_anew) => {
                self.require(key)?;
                return Ok(self.push(key, position, *begins_anew));
            }
            Step::Status(keys) => {
                for key in keys {
                    self.require(key)?;
                }
                let now = self.world.get().now;
                return Ok(self.teller.status(self.here()?, &self.store, now, keys));
            }
            Step::Explain(key) => {
                self.require(key)?;
                let now = self.world.get().now;
                return Ok(self.teller.explain(self.here()?, &self.store, now, key));
            }
            Step::Runs => {
                let made = self.world.get().service.made;
                return Ok(self.teller.runs(&self.store, made));
            }
        }
        Ok(Vec::new())
    }

    /// A person asks for a backfill, changes it, or looks at it.
    fn backfill(&mut self, name: &str, done: &Backfilled) -> Outcome {
        let name = BackfillName(name.to_owned());
        let now = self.world.get().now;
        let to = match done {
            Backfilled::Created(keys, from, to) => {
                let wanted = self.wanted(&name, keys, (from, to))?;
                let made = self.store.create_backfill(&wanted);
                return made.map_or_else(|error| Err(error.to_string()), |()| Ok(Vec::new()));
            }
            Backfilled::Paused => (BackfillState::Paused, false),
            Backfilled::Resumed { tries_again } => (BackfillState::Active, *tries_again),
            Backfilled::Cancelled => (BackfillState::Cancelled, false),
            Backfilled::Shown => return self.shown(&name),
        };
        match self.store.change_backfill(&name, to, now) {
            Ok(_) => Ok(Vec::new()),
            Err(error) => Err(error.to_string()),
        }
    }

    fn wanted(
        &self,
        name: &BackfillName,
        keys: &[AssetKey],
        (from, to): (&str, &str),
    ) -> Result<Backfill, String> {
        let graph = &self.here()?.graph;
        let mut targets = BTreeMap::new();
        for key in keys {
            self.require(key)?;
            let index = graph.index_of(key.as_str()).unwrap();
            let definition = graph.asset(index).planned_partitions();
            let definition = definition.ok_or_else(|| format!("`{key}` has no partitions"))?;
            let end = |text: &str| definition.parse_key(text).map_err(|e| e.to_string());
            let (from, to) = (end(from)?, end(to)?);
            let all = definition.defined();
            let within = all
                .iter()
                .skip_while(|at| *at < from)
                .take_while(|at| *at <= to);
            let set = PartitionSet::union_of(within.map(|at| definition.set_of(at)));
            targets.insert(key.clone(), BackfillTarget::new(Some(definition), set));
        }
        Ok(Backfill {
            name: name.clone(),
            state: BackfillState::Active,
            order: BackfillOrder::OldestFirst,
            chunk: Some(2),
            max_concurrent_runs: 2,
            is_forced: false,
            pass: self.memory.pass,
            created_at: self.world.get().now,
            created_by: "ann".to_owned(),
            finished_at: None,
            targets,
        })
    }

    /// How far a backfill is, and what its runs build.
    fn shown(&self, name: &BackfillName) -> Outcome {
        let found = self.store.backfill(name).unwrap();
        let found = found.ok_or_else(|| format!("there is no backfill `{name}`"))?;
        let graph = &self.here()?.graph;
        let keys = |asset: &AssetKey, set: &PartitionSet| {
            let index = graph.index_of(asset.as_str());
            let definition = index.and_then(|index| graph.asset(index).planned_partitions());
            let ranges = definition.map(|definition| definition.key_ranges(set));
            let ranges = ranges.into_iter().flatten();
            let told = ranges.map(|range| format!("{} to {}", range.from, range.to));
            told.collect::<Vec<String>>().join(", ")
        };
        let mut told = vec![format!("backfill {name} is {}", found.state.as_str())];
        for (asset, target) in &found.targets {
            let sets = [
                ("built", &target.done),
                ("failed", &target.failed),
                ("skipped", &target.skipped),
                ("left", &target.remaining()),
            ]
            .map(|(word, set)| (!set.is_empty()).then(|| format!("{word} {}", keys(asset, set))));
            let sets: Vec<String> = sets.into_iter().flatten().collect();
            told.push(format!("{asset}: {}", sets.join("; ")));
        }
        let open = self.store.load().unwrap().open_intents.into_values();
        for intent in open.filter(|intent| intent.backfill.as_ref() == Some(name)) {
            let set = intent.partitions.as_ref().map(|extent| &extent.partitions);
            let asset = &intent.assets[0];
            let days = set.map(|set| keys(asset, set)).unwrap_or_default();
            told.push(format!("a run builds {asset} {days}"));
        }
        Ok(told)
    }

    fn here(&self) -> Result<&Declared, String> {
        self.declared
            .as_ref()
            .ok_or_else(|| "no assets are declared yet".to_owned())
    }

    fn require(&self, key: &AssetKey) -> Result<(), String> {
        let index = self.here()?.graph.index_of(key.as_str());
        index
            .map(|_| ())
            .ok_or_else(|| format!("nobody declares `{key}`"))
    }

    /// Reads the declarations anew.
    fn declare(&mut self) -> Outcome {
        if self.assets.text.is_empty() {
            return Ok(Vec::new());
        }
        let mut declared = declare(&self.project, &self.assets)?;
        let graph = &declared.graph;
        let relations = graph.indices().filter_map(|index| {
            let asset = graph.asset(index);
            let relation = asset.relation.as_ref()?.to_string();
            Some((relation, (asset.key.clone(), asset.kind.has_table())))
        });
        self.world.get().lake.relations = relations.collect();
        declared.graph = known_by(&declared.graph, &self.memory);
        let warnings = std::mem::take(&mut declared.warnings);
        self.declared = Some(declared);
        Ok(warnings)
    }

    /// The newest run of an asset that has some state: its job and its id.
    fn run_of(
        &self,
        key: &AssetKey,
        is_meant: impl Fn(&RunState) -> bool,
    ) -> Result<(i64, RunId), String> {
        let scene = self.world.get();
        let mut runs = scene.service.runs.iter().rev();
        let found = runs.find(|run| {
            let intent = run.parameters.get(CORRELATION).and_then(|text| {
                let (id, _) = text.rsplit_once('.')?;
                self.store.intent(&IntentId(id.to_owned())).unwrap()
            });
            intent.is_some_and(|intent| intent.assets.contains(key)) && is_meant(&run.state)
        });
        let found = found.map(|run| (run.job_id, run.id));
        found.ok_or_else(|| format!("no run of `{key}` is under way"))
    }

    /// The column and its values that a run of an asset was asked to build; none where that is the whole of it.
    fn asked_partitions(&self, key: &AssetKey, run: RunId) -> Option<(String, Vec<String>)> {
        let graph = &self.declared.as_ref()?.graph;
        let asset = graph.asset(graph.index_of(key.as_str())?);
        let definition = asset.planned_partitions()?;
        let [part] = definition.parts() else {
            return None;
        };
        let column = part.columns().first()?.to_string();
        let open = self.store.load().unwrap().open_intents;
        let mut of_run = open
            .into_values()
            .filter(|intent| intent.run_id == Some(run));
        let set = of_run.next()?.partitions?.under(definition);
        let keys = set.iter().filter_map(|at| definition.key(at));
        Some((column, keys.collect()))
    }

    /// A run of ours ends; a good one writes its table first, unless it had nothing to write.
    fn finish(&mut self, key: &AssetKey, end: &End) -> Result<(), String> {
        let (_, id) = self.run_of(key, |state| *state == RunState::Active)?;
        let graph = &self.here()?.graph;
        let index = graph.index_of(key.as_str());
        // What is not declared any more may still be written.
        let has_table = index.is_none_or(|index| graph.asset(index).kind.has_table());
        let partitions = self.asked_partitions(key, id);
        let scene = &mut *self.world.get();
        let state = match end {
            End::Ok {
                with_commit,
                is_emptied,
            } => {
                if !has_table {
                    scene.lake.make_view(key);
                } else if *with_commit {
                    let written = (partitions.as_ref(), *is_emptied);
                    scene.lake.append(key, scene.now, id.0, written);
                }
                RunState::Succeeded
            }
            End::Failed {
                is_transient,
                message,
            } => RunState::Failed {
                code: "RUN_EXECUTION_ERROR".to_owned(),
                message: message.clone(),
                is_transient: *is_transient,
            },
            End::Cancelled => RunState::Cancelled {
                message: "somebody cancelled it".to_owned(),
            },
        };
        let mut runs = scene.service.runs.iter_mut();
        let run = runs.find(|run| run.id == id).unwrap();
        (run.state, run.ended_at) = (state, Some(scene.now));
        Ok(())
    }

    fn scenery(&self) -> Result<Scenery<'_>, String> {
        Ok(Scenery {
            world: &self.world,
            declared: self.here()?,
            state: &self.store,
        })
    }

    fn tick(&mut self) -> Outcome {
        let mut ours = std::mem::replace(&mut self.ours, Process::named("nobody"));
        let told = self.pass_of(&mut ours);
        self.ours = ours;
        told
    }

    fn push(&self, key: &AssetKey, position: &Position, begins_anew: bool) -> Vec<String> {
        let scene = self.world.get();
        let pushed = match position {
            Position::Version(version) => Pushed {
                word: PushedWord::Version,
                position: *version,
                event_at: None,
            },
            Position::Until(moment) => Pushed::at(scene.instant(*moment)),
        };
        let by = Pusher {
            actor: "ann",
            at: scene.now,
            now: scene.now,
            begins_anew,
        };
        match self.store.push_position(key, &pushed, by).unwrap() {
            Ok(true) => Vec::new(),
            Ok(false) => vec![format!("{key}: is there already")],
            Err(refused) => vec![format!("{key}: refused: {refused}")],
        }
    }

    /// A pass of a process, told by what it changed.
    fn pass_of(&mut self, process: &mut Process) -> Outcome {
        if process.is_dead {
            return Err("the process is dead: a line `restart` is missing".to_owned());
        }
        let passed = process.pass(self.scenery()?, Mode::Act);
        let report = match &passed {
            Passed::Refused(error) => return Ok(vec![format!("refused: {error}")]),
            Passed::Done(report) => Some(&**report),
            Passed::Dead => None,
        };
        let memory = self.store.load().unwrap();
        let now = self.world.get().now;
        let before = std::mem::replace(&mut self.memory, memory);
        if let Some(declared) = &mut self.declared {
            declared.graph = known_by(&declared.graph, &self.memory);
        }
        let after = After {
            before: &before,
            memory: &self.memory,
            report,
            now,
        };
        let graph = &self.declared.as_ref().unwrap().graph;
        Ok(self.teller.tick(graph, &self.store, &after))
    }

    /// What a pass would do, on a copy of the state.
    fn plan(&self) -> Outcome {
        let copy = self.store.copy_in_memory().unwrap();
        let scenery = Scenery {
            state: &copy,
            ..self.scenery()?
        };
        match Process::named("a planner").pass(scenery, Mode::PlanOnly) {
            Passed::Refused(error) => Err(error.to_string()),
            Passed::Dead => Err("planning asks nobody".to_owned()),
            Passed::Done(report) => {
                let memory = copy.load().unwrap();
                let graph = known_by(&self.here()?.graph, &memory);
                Ok(self.teller.plan(&graph, &report, &memory))
            }
        }
    }

    /// The next process takes over.
    fn restart(&mut self) {
        let now = self.world.get().now;
        self.ours = self.ours.successor(&self.store, now, "our successor");
    }
}

/// The assets by what is remembered of the values of their partitions.
fn known_by(graph: &AssetGraph, memory: &Memory) -> AssetGraph {
    graph.with_values(|asset, column| memory.own_values(&asset.key, column))
}
