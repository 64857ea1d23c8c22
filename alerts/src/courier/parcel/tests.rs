//! Bursts, windows and outages, as tables.

use super::*;

const NOW: i64 = 1000;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

/// `opened a@5/shop` — what, its id, when it is due, and its thread.
fn head(text: &str) -> Head {
    let (event, rest) = text.split_once(' ').unwrap();
    let (id, rest) = rest.split_once('@').unwrap_or((rest, "0"));
    let (due, thread) = rest.split_once('/').map_or((rest, None), |(due, on)| (due, Some(on)));
    Head {
        id: id.into(),
        event: Event::from_label(event).unwrap(),
        thread: thread.map(Into::into),
        bundle: None,
        attempts: 0,
        due_at: at(due.parse().unwrap()),
        expires_at: at(100_000),
        bytes: 1000,
    }
}

/// What goes out: each message by the notifications in it.
fn packed(heads: &[Head], bundling: Bundling, gate: Gate) -> Vec<Vec<String>> {
    let packed = pack(heads, bundling, gate, at(NOW));
    let members = |parcel: &Parcel| match &*parcel.joins {
        [] => vec![parcel.id.to_string()],
        joins => joins.iter().map(ToString::to_string).collect(),
    };
    packed.ready.iter().map(members).collect()
}

/// A name, what waits, and how it goes to programs and to people.
type Row =
    (&'static str, &'static [&'static str], &'static [&'static str], &'static [&'static str]);

#[test]
fn what_goes_out_together() {
    let table: &[Row] = &[
        ("nothing", &[], &[], &[]),
        ("one", &["opened a"], &["a"], &["a"]),
        ("one thread", &["opened a@1/x", "opened b@2/x"], &["a", "b"], &["a b"]),
        ("two threads", &["opened a@1/x", "opened b@2/y"], &["a", "b"], &["a", "b"]),
        ("no thread", &["opened a@1", "opened b@2"], &["a", "b"], &["a", "b"]),
        ("not the same", &["opened a@1/x", "resolved b@2/x"], &["a", "b"], &["a", "b"]),
        ("not yet due", &["opened a@1/x", "opened b@2000/x"], &["a"], &["a"]),
        (
            "many threads",
            &["opened a@1/w", "opened b@2/x", "opened c@3/y", "opened d@4/z", "resolved e@5/w"],
            &["a", "b", "c", "d", "e"],
            &["a b c d", "e"],
        ),
        (
            "tests",
            &["test a@1", "test b@2", "test c@3", "test d@4"],
            &["a", "b", "c", "d"],
            &["a", "b", "c", "d"],
        ),
    ];
    for (name, heads, programs, people) in table {
        let heads: Vec<Head> = heads.iter().map(|text| head(text)).collect();
        let spoken = |bundling| -> Vec<String> {
            packed(&heads, bundling, Gate::Open).iter().map(|all| all.join(" ")).collect()
        };
        assert_eq!(spoken(Bundling::Burst), *programs, "{name}");
        assert_eq!(spoken(Bundling::Window), *people, "{name}");
        assert_eq!(spoken(Bundling::Never), *programs, "{name}");
    }
}

#[test]
fn programs_get_bundles_where_very_many_wait_at_once() {
    let many = |count: usize| -> Vec<Head> {
        (0..count).map(|nth| head(&format!("opened {nth:05}"))).collect()
    };
    let sizes = |heads: &[Head], bundling| -> Vec<usize> {
        packed(heads, bundling, Gate::Open).iter().map(Vec::len).collect()
    };
    assert_eq!(sizes(&many(10), Bundling::Burst), [1; 10]);
    assert_eq!(sizes(&many(11), Bundling::Burst), [11]);
    assert_eq!(sizes(&many(1234), Bundling::Burst), [500, 500, 234]);
    assert_eq!(sizes(&many(30), Bundling::Never), [1; 30]);
    assert_eq!(sizes(&many(2500), Bundling::Window), [2000, 500]);
    // Large bodies make smaller bundles, and one that is larger than the bound goes alone.
    let mut large = many(12);
    large.iter_mut().for_each(|head| head.bytes = 200 * 1024);
    large[5].bytes = 900 * 1024;
    assert_eq!(sizes(&large, Bundling::Burst), [2, 2, 1, 1, 2, 2, 2]);
}

#[test]
fn what_went_out_goes_out_again_as_it_did() {
    let mut heads: Vec<Head> =
        ["opened a@1/x", "opened b@2/x", "opened c@3/x", "opened d@4/x", "opened e@3000/x"]
            .map(head)
            .into();
    heads[0].attempts = 3;
    for sent in [1, 4] {
        heads[sent].attempts = 2;
        heads[sent].bundle = Some("both".into());
        heads[sent].due_at = at(5);
    }
    // Joined by an agent that was killed before it sent them.
    heads[2].bundle = Some("never sent".into());
    let packed = pack(&heads, Bundling::Window, Gate::Open, at(NOW));
    let seen: Vec<(&str, u64, u32, usize)> = packed
        .ready
        .iter()
        .map(|parcel| (&*parcel.id, parcel.count, parcel.attempts, parcel.joins.len()))
        .collect();
    assert_eq!(seen, [("a", 1, 3, 0), ("never sent", 1, 0, 0), ("d", 1, 0, 0), ("both", 2, 2, 0)]);
}

#[test]
fn while_nothing_arrives_only_what_was_tried_is_tried_again() {
    let mut heads: Vec<Head> =
        ["opened a@1", "opened b@2", "opened c@2000", "opened d@3", "opened e@1500"]
            .map(head)
            .into();
    heads[0].attempts = 1;
    heads[2].attempts = 1;
    heads[3].expires_at = at(NOW);
    let shut = pack(&heads, Bundling::Burst, Gate::Shut, at(NOW));
    // The last attempt at `d` is due, whoever answers.
    assert_eq!(shut.ready.iter().map(|one| &*one.id).collect::<Vec<_>>(), ["a", "d"]);
    assert_eq!(shut.next, Some(at(1500)));
    let open = pack(&heads, Bundling::Burst, Gate::Open, at(NOW));
    assert_eq!(open.ready.iter().map(|one| &*one.id).collect::<Vec<_>>(), ["a", "b", "d"]);
}

#[test]
fn the_id_of_a_bundle_follows_from_what_is_in_it() {
    let heads = ["opened a@1/x", "opened b@2/x"].map(head);
    let ids = |heads: &[Head]| -> Vec<Arc<str>> {
        let packed = pack(heads, Bundling::Window, Gate::Open, at(NOW));
        packed.ready.into_iter().map(|parcel| parcel.id).collect()
    };
    let first = ids(&heads);
    assert_eq!(first, ids(&heads));
    assert!(first[0].starts_with("msg_"), "{first:?}");
    let others = ["opened a@1/x", "opened c@2/x"].map(head);
    assert_ne!(first, ids(&others));
}
