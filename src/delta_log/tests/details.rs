//! What else is kept of a table: its change data feed, and how far applications are.

use assets::delta::commit::MicroBatch;
use assets::delta::reading::KEPT_APPLICATIONS;

use super::contents::read_counted;
use super::*;

fn table_with(feed: bool) -> Value {
    let configuration = json!({ "delta.enableChangeDataFeed": feed.to_string() });
    described("t", &[("x", "long", None)], &[], &configuration)
}

fn change_feed(table: &Table, known: Option<&KnownHead>) -> (KnownHead, Option<u64>) {
    let head = update(read_counted(table, known)).head;
    let since = head.details.change_feed_since;
    (head, since)
}

#[test]
fn the_change_data_feed_is_whole_since_it_was_last_switched_on() {
    let table = Table::empty();
    table.commit(0, &[PROTOCOL, &table_with(true).to_string(), ADD]);
    let (first, since) = change_feed(&table, None);
    assert_eq!(since, Some(0));
    let cdc = r#"{"cdc":{"path":"_change_data/c","dataChange":false}}"#;
    table.commit(1, &[cdc, REMOVE]);
    let found = update(read_counted(&table, Some(&first)));
    assert!(found.commits[0].has_change_data);
    // Another property, and it stays on.
    table.commit(2, &[&table_with(true).to_string()]);
    let (second, since) = change_feed(&table, Some(&found.head));
    assert_eq!(since, Some(0));
    table.commit(3, &[&table_with(false).to_string()]);
    let (third, since) = change_feed(&table, Some(&second));
    assert_eq!(since, None);
    table.commit(4, &[&table_with(true).to_string()]);
    for known in [None, Some(&first), Some(&third)] {
        assert_eq!(change_feed(&table, known).1, Some(4));
    }
    // Of what was cleaned away, nobody can read the changes.
    table.commit(5, &[ADD]);
    table.commit(6, &[ADD]);
    table.checkpoint_of(5, &[protocol(), table_with(true)]);
    table.clean(5);
    for known in [None, Some(&third)] {
        assert_eq!(change_feed(&table, known).1, Some(5));
    }
}

fn progress(app: &str, version: i64) -> String {
    json!({ "txn": { "appId": app, "version": version, "lastUpdated": 4 } }).to_string()
}

#[test]
fn progress_of_applications_is_what_they_said_last_even_where_it_goes_down() {
    let table = Table::empty();
    table.commit(0, &[PROTOCOL, &table_with(false).to_string()]);
    let head = update(read_counted(&table, None)).head;
    table.commit(1, &[&progress("q", 7), &progress("r", 1)]);
    let middle = update(read_counted(&table, Some(&head))).head;
    table.commit(2, &[&progress("q", 5)]);
    // The last one in a commit counts, although it should be alone there.
    table.commit(3, &[&progress("s", 1), &progress("s", 2)]);
    let heads = [None, Some(&head), Some(&middle)].map(|k| update(read_counted(&table, k)).head);
    for head in &heads {
        let shown = head.details.applications.iter();
        let shown: Vec<_> = shown
            .map(|(id, at)| (id.as_str(), at.version, at.commit, at.at.unwrap()))
            .collect();
        assert_eq!(
            shown,
            [
                ("q", 5, Some(2), at(2_000)),
                ("r", 1, Some(1), at(1_000)),
                ("s", 2, Some(3), at(3_000)),
            ]
        );
    }
    // Below a checkpoint, only the writer's clock tells when.
    let txn = serde_json::from_str(&progress("old", 9)).unwrap();
    table.checkpoint_of(2, &[protocol(), table_with(false), txn]);
    table.clean(3);
    let cold = update(read_counted(&table, None)).head;
    let old = &cold.details.applications["old"];
    assert_eq!((old.version, old.commit, old.at), (9, None, Some(at(4))));
    assert_eq!(cold.details.applications["s"].version, 2);
}

#[test]
fn of_many_applications_those_are_kept_that_wrote_last() {
    let table = Table::empty();
    table.commit(0, &[PROTOCOL, &table_with(false).to_string()]);
    let head = update(read_counted(&table, None)).head;
    let count = u64::try_from(KEPT_APPLICATIONS).unwrap() + 40;
    for version in 1..=count {
        table.commit(version, &[&progress(&format!("app-{version}"), 1)]);
    }
    table.commit(count + 1, &[&progress("app-1", 2)]);
    let warm = update(read_counted(&table, Some(&head))).head;
    let cold = update(read_counted(&table, None)).head;
    assert_eq!(warm.details.applications, cold.details.applications);
    let kept = &warm.details.applications;
    assert_eq!(kept.len(), KEPT_APPLICATIONS);
    assert!(kept.contains_key("app-1") && !kept.contains_key("app-2"));
    assert!(!kept.contains_key("app-41") && kept.contains_key("app-42"));
}

#[test]
fn a_micro_batch_and_a_clone_are_told() {
    let table = Table::new("t");
    let head = table.cold().head;
    let info = |operation: &str, parameters: Value| {
        json!({ "commitInfo": { "operation": operation, "operationParameters": parameters } })
            .to_string()
    };
    let batch = info(
        "STREAMING UPDATE",
        json!({ "queryId": "q", "epochId": "41" }),
    );
    table.commit(1, &[&batch, &progress("q", 41), ADD]);
    let source = json!({ "source": "lake.gold.orders", "sourceVersion": 812, "isShallow": true });
    table.commit(2, &[&info("CLONE", source), ADD]);
    let found = table.warm(&head);
    let expected = MicroBatch {
        query_id: "q".to_owned(),
        batch_id: 41,
    };
    assert_eq!(found.commits[0].micro_batch, Some(expected));
    assert_eq!(found.commits[0].transactions["q"], 41);
    let clone = found.commits[1].cloned_from.as_ref().unwrap();
    assert_eq!(
        (clone.source.as_str(), clone.version),
        ("lake.gold.orders", Some(812))
    );
}
