//! Checks of the jobs behind tasks: that each is found, and takes what the project sends.

use std::collections::{BTreeMap, BTreeSet};

use assets::task::{DatabricksJob, JobReference, Task, TaskAction, TaskName, Tasks};
use futures::StreamExt;

use super::CONCURRENCY;
use super::check::Check;
use super::workspace::of_api_error;
use crate::app::Link;
use crate::databricks::{FindJobError, Job, JobId};
use crate::execute::CORRELATION;

/// Checks the job of every task, and returns the jobs that were found; a job of several tasks is
/// asked for once.
pub(super) async fn check(link: &Link, tasks: &Tasks) -> (Vec<Check>, BTreeSet<JobId>) {
    if tasks.is_empty() {
        let none = Check::skipped("job", "the project declares no task");
        return (vec![none], BTreeSet::new());
    }
    let references: BTreeSet<&JobReference> =
        tasks.values().map(|task| &job_of(task).job).collect();
    let questions = futures::stream::iter(references)
        .map(|reference| async move { (reference, link.client.find_job(reference).await) });
    let answers: BTreeMap<_, _> = questions.buffered(CONCURRENCY).collect().await;
    let each = tasks.iter().filter_map(|(name, task)| {
        let answer = answers.get(&job_of(task).job)?;
        Some(of_task(name, task, answer.as_ref()))
    });
    let checks = each.flatten().collect();
    let found = answers.values().filter_map(|answer| answer.as_ref().ok());
    (checks, found.map(|job| job.job_id).collect())
}

fn job_of(task: &Task) -> &DatabricksJob {
    let TaskAction::DatabricksJob(job) = &task.action;
    job
}

fn of_task(name: &TaskName, task: &Task, answer: Result<&Job, &FindJobError>) -> Vec<Check> {
    let declared = job_of(task);
    let checks = match answer {
        Err(FindJobError::Api(error)) => vec![of_api_error("job", error)],
        Err(error) => {
            let mut check = Check::error("job", error.to_string(), error.hint());
            check.code = Some(error.code());
            vec![check]
        }
        Ok(job) => {
            let found = format!(
                "{} is job {}, named `{}`",
                declared.job, job.job_id, job.name
            );
            let found = match &job.run_as {
                Some(who) => format!("{found}, runs as {who}"),
                None => found,
            };
            let mut checks = vec![Check::ok("job", found)];
            checks.extend(correlation(job));
            checks.extend(parameters(task, declared, job));
            checks.extend(task_key(declared, job));
            checks.extend(triggers(job));
            checks
        }
    };
    let about = |check: Check| check.about(name.as_str());
    checks.into_iter().map(about).collect()
}

fn correlation(job: &Job) -> Option<Check> {
    let is_missing = !job.parameters.contains_key(CORRELATION);
    is_missing.then(|| {
        Check::warning(
            "job_correlation",
            format!(
                "`{}` does not declare the parameter `{CORRELATION}`: a run whose start was not \
                 answered for a day cannot be found again",
                job.name
            ),
            format!("add to the job: parameters: [{{ name: {CORRELATION}, default: \"\" }}]"),
        )
    })
}

/// The workspace may refuse parameters that a job does not declare, and its tasks do not see them.
fn parameters(task: &Task, declared: &DatabricksJob, job: &Job) -> Option<Check> {
    let sent = declared.parameters.keys().chain(&task.select_parameter);
    let missing: BTreeSet<&str> = sent
        .map(String::as_str)
        .filter(|name| !job.parameters.contains_key(*name))
        .collect();
    let added: Vec<String> = missing
        .iter()
        .map(|name| format!("{{ name: {name}, default: \"\" }}"))
        .collect();
    (!missing.is_empty()).then(|| {
        let names: Vec<&str> = missing.into_iter().collect();
        Check::error(
            "job_parameters",
            format!(
                "`{}` does not declare what is sent to it: `{}`",
                job.name,
                names.join("`, `")
            ),
            format!("add to the job: parameters: [{}]", added.join(", ")),
        )
    })
}

fn task_key(declared: &DatabricksJob, job: &Job) -> Option<Check> {
    let key = declared.task_key.as_deref()?;
    if job.task_keys.contains(key) {
        return None;
    }
    let keys = job.task_keys.iter().map(String::as_str);
    let help = match assets::did_you_mean(key, keys.clone()) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => format!("it has `{}`", keys.collect::<Vec<_>>().join("`, `")),
    };
    let found = format!("`{}` has no task `{key}`", job.name);
    Some(Check::error("job_task", found, help))
}

fn triggers(job: &Job) -> Option<Check> {
    let running: BTreeSet<&str> = job
        .own_triggers
        .iter()
        .filter(|trigger| !trigger.is_paused)
        .map(|trigger| trigger.setting)
        .collect();
    job.is_under_double_control().then(|| {
        let running: Vec<&str> = running.into_iter().collect();
        Check::warning(
            "job_triggers",
            format!(
                "`{}` is also started by its own `{}`: its tables are built twice",
                job.name,
                running.join("`, `")
            ),
            "pause it in the job (`pause_status: PAUSED`), and let Headwater start it",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::databricks::OwnTrigger;
    use crate::doctor::Status;

    fn task() -> Task {
        Task {
            action: TaskAction::DatabricksJob(DatabricksJob {
                job: JobReference::Name("nightly".to_owned()),
                task_key: Some("build".to_owned()),
                parameters: BTreeMap::from([("day".to_owned(), "{{ now }}".to_owned())]),
            }),
            select_parameter: Some("models".to_owned()),
            max_concurrent_runs: None,
            pool: None,
            timeout: None,
            write_mode: assets::task::WriteMode::Overwrite,
        }
    }

    fn job(parameters: &[&str], keys: &[&str], trigger: Option<(&'static str, bool)>) -> Job {
        let parameter = |name: &&str| ((*name).to_owned(), String::new());
        Job {
            job_id: JobId::new(7).unwrap(),
            name: "nightly".to_owned(),
            parameters: parameters.iter().map(parameter).collect(),
            task_keys: keys.iter().map(|key| (*key).to_owned()).collect(),
            max_concurrent_runs: None,
            own_triggers: trigger
                .into_iter()
                .map(|(setting, is_paused)| OwnTrigger { setting, is_paused })
                .collect(),
            run_as: None,
        }
    }

    fn found(job: &Job) -> Vec<(&'static str, Status)> {
        let checks = of_task(&TaskName::new("t"), &task(), Ok(job));
        assert!(
            checks
                .iter()
                .all(|check| check.subject.as_deref() == Some("t"))
        );
        checks
            .iter()
            .map(|check| (check.name, check.status))
            .collect()
    }

    #[test]
    fn a_job_that_takes_everything_is_one_good_check() {
        let whole = ["headwater_intent", "day", "models"];
        let sound = job(&whole, &["build"], Some(("schedule", true)));
        assert_eq!(found(&sound), [("job", Status::Ok)]);
    }

    #[test]
    fn each_thing_that_does_not_fit_is_a_check_of_its_own() {
        let odd = job(&["day"], &["built"], Some(("continuous", false)));
        assert_eq!(
            found(&odd),
            [
                ("job", Status::Ok),
                ("job_correlation", Status::Warning),
                ("job_parameters", Status::Error),
                ("job_task", Status::Error),
                ("job_triggers", Status::Warning),
            ]
        );
        let checks = of_task(&TaskName::new("t"), &task(), Ok(&odd));
        let helps: Vec<&str> = checks.iter().filter_map(|c| c.help.as_deref()).collect();
        assert!(helps[0].contains("{ name: headwater_intent, default: \"\" }"));
        assert!(helps[1].contains("{ name: models, default: \"\" }"));
        assert_eq!(helps[2], "did you mean `built`?");
    }

    #[test]
    fn a_job_that_is_not_found_is_an_error_with_its_code() {
        let error = FindJobError::NoneNamed {
            name: "nightly".to_owned(),
        };
        let checks = of_task(&TaskName::new("t"), &task(), Err(&error));
        assert_eq!((checks.len(), checks[0].code), (1, Some("W009")));
    }
}
