//! Which versions a run is told to read: what the parameters of a task say of its inputs.

use std::collections::BTreeMap;

use minijinja::{Environment, UndefinedBehavior, context, value::Value};

use crate::asset::Asset;
use crate::key::AssetKey;
use crate::task::{Task, TaskAction};

/// Most template instructions for one parameter.
const FUEL: u64 = 100_000;

/// Two versions that nobody would name in a template.
const PROBES: [u64; 2] = [1_000_003, 1_000_033];

/// Returns the parameter templates of a run for an asset: its own go before those of the task.
pub fn parameter_templates<'a>(
    asset: &'a Asset,
    task: &'a Task,
) -> BTreeMap<&'a String, &'a String> {
    let TaskAction::DatabricksJob(job) = &task.action;
    let own = asset.task.as_ref().map(|binding| &binding.parameters);
    let mut templates: BTreeMap<&String, &String> = job.parameters.iter().collect();
    templates.extend(own.into_iter().flatten());
    templates
}

/// Returns the inputs whose version a run is told: those on whose version a parameter depends, by
/// whatever way the template takes to it.
pub fn pinned_inputs<'a>(asset: &Asset, task: &Task, inputs: &[&'a AssetKey]) -> Vec<&'a AssetKey> {
    let mut engine = Environment::new();
    engine.set_undefined_behavior(UndefinedBehavior::Chainable);
    engine.set_fuel(Some(FUEL));
    let templates = parameter_templates(asset, task).into_values();
    let telling: Vec<&String> = templates.filter(|text| text.contains("inputs")).collect();
    let is_told = |input: &&AssetKey| {
        telling.iter().any(|template| {
            let [one, other] = PROBES.map(|version| {
                let values = values(asset, inputs, (input, version));
                engine.render_str(template, values).ok()
            });
            one.is_some() && one != other
        })
    };
    inputs.iter().copied().filter(is_told).collect()
}

/// What a template sees where one input stands at a version and all others at another one.
fn values(asset: &Asset, inputs: &[&AssetKey], (probed, version): (&AssetKey, u64)) -> Value {
    let of = |input: &&AssetKey| {
        let version = if *input == probed { version } else { PROBES[0] };
        let seen = context! {
            version, starting_version => 0, ending_version => version, table_id => "",
        };
        (input.to_string(), seen)
    };
    let inputs: BTreeMap<String, Value> = inputs.iter().map(of).collect();
    context! { asset => asset.key.as_str(), inputs }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::asset::{AssetKind, Binding};
    use crate::task::{DatabricksJob, JobReference, TaskName, WriteMode};

    fn key(text: &str) -> AssetKey {
        AssetKey::new(text).unwrap()
    }

    fn pinned(template: &str) -> Vec<String> {
        let mut asset = Asset::new(key("mart"), AssetKind::Table);
        asset.task = Some(Binding {
            task: TaskName::new("build"),
            parameters: BTreeMap::from([("own".to_owned(), template.to_owned())]),
        });
        let parameters = ["{{ asset }}", "{{ relation }}.{{ partitions.first }}"];
        let parameters = parameters.iter().enumerate();
        let job = DatabricksJob {
            job: JobReference::Id(1),
            task_key: None,
            parameters: parameters
                .map(|(at, text)| (format!("p{at}"), (*text).to_owned()))
                .collect(),
        };
        let task = Task {
            action: TaskAction::DatabricksJob(job),
            select_parameter: None,
            max_concurrent_runs: None,
            pool: None,
            timeout: None,
            write_mode: WriteMode::default(),
        };
        let inputs = [key("stg.a"), key("stg.b")];
        let told = pinned_inputs(&asset, &task, &inputs.each_ref());
        told.into_iter().map(ToString::to_string).collect()
    }

    #[test]
    fn an_input_is_pinned_when_a_parameter_depends_on_its_version() {
        let none: [&str; 0] = [];
        assert_eq!(pinned("{{ inputs['stg.a'].version }}"), ["stg.a"]);
        assert_eq!(pinned("{{ inputs['stg.b'].ending_version }}"), ["stg.b"]);
        assert_eq!(pinned("{{ inputs }}"), ["stg.a", "stg.b"]);
        let all = "{% for name, of in inputs | items %}{{ name }}@{{ of.version }} {% endfor %}";
        assert_eq!(pinned(all), ["stg.a", "stg.b"]);
        assert_eq!(pinned("{{ inputs['stg.a'].starting_version }}"), none);
        assert_eq!(pinned("{{ inputs['stg.a'].table_id }}"), none);
        assert_eq!(pinned("{{ inputs | length }} {{ run }}"), none);
        assert_eq!(pinned("no inputs"), none);
    }
}
