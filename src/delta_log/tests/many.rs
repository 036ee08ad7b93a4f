//! Many tables at once.

use std::sync::{Arc, Mutex, mpsc};

use assets::AssetKey;

use super::super::many::read_many_with;
use super::super::{Options, Request, read_many};
use super::*;

fn request(number: usize, location: &Path, known: Option<KnownHead>) -> Request {
    Request {
        asset: AssetKey::new(&format!("t{number}")).unwrap(),
        store: Arc::new(LocalStore::of(location)),
        known: known.map(Into::into),
        ask: Ask::default(),
        is_counted_now: false,
    }
}

#[tokio::test]
async fn every_table_gets_its_own_answer_in_order() {
    let tables: Vec<Table> = (0..50)
        .map(|number| Table::new(&format!("id-{number}")))
        .collect();
    let requests = tables.iter().enumerate();
    let requests = requests.map(|(number, table)| request(number, table.location(), None));
    let readings = read_many(requests.collect(), &Options::default()).await;
    let mut next = Vec::new();
    for (number, (asset, reading)) in readings.into_iter().enumerate() {
        assert_eq!(asset.as_str(), format!("t{number}"));
        let head = update(reading).head;
        assert_eq!(head.table_id.as_str(), format!("id-{number}"));
        next.push(request(number, tables[number].location(), Some(head)));
    }
    tables[7].commit(1, &[ADD]);
    for (number, (_, reading)) in read_many(next, &Options::default())
        .await
        .iter()
        .enumerate()
    {
        assert_eq!(*reading != Reading::Unchanged, number == 7, "{number}");
    }
    assert_eq!(read_many(Vec::new(), &Options::default()).await, Vec::new());
}

#[tokio::test]
async fn a_hanging_table_holds_up_no_other_and_is_not_asked_twice() {
    let (release, gate) = mpsc::channel::<()>();
    let gate = Mutex::new(gate);
    let asked = Arc::new(Mutex::new(0));
    let count = Arc::clone(&asked);
    let reader = move |store: &dyn LogStore, _: Option<&KnownHead>| {
        if store.place() == "/hangs/_delta_log" {
            *count.lock().unwrap() += 1;
            // Comes back only when the test is over.
            gate.lock().unwrap().recv().unwrap_err();
        }
        Reading::Unchanged
    };
    let reader = Arc::new(reader);
    let options = Options {
        concurrency: 1,
        // Long enough that a busy machine does not make the others late as well.
        timeout: Duration::from_millis(500),
        ..Options::default()
    };
    for _ in 0..2 {
        let requests = ["/a", "/hangs", "/b", "/c"].iter().enumerate();
        let requests = requests.map(|(number, path)| request(number, Path::new(path), None));
        let reader = Arc::clone(&reader);
        let read =
            move |store: &dyn LogStore, known: Option<&KnownHead>, _: &Ask| reader(store, known);
        let readings = read_many_with(requests.collect(), &options, read).await;
        let codes: Vec<_> = readings
            .iter()
            .map(|(_, reading)| match reading {
                Reading::Unchanged => "unchanged",
                Reading::Unknown(reason) => reason.code(),
                Reading::Read(_) | Reading::Absent => panic!("{reading:?}"),
            })
            .collect();
        assert_eq!(codes, ["unchanged", "timed_out", "unchanged", "unchanged"]);
    }
    assert_eq!(*asked.lock().unwrap(), 1);
    drop(release);
}
