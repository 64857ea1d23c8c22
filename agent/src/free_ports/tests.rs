//! What is named, and what is said of the rest.

use health::ports::ClientPorts;

use super::*;

fn wanted(range: RangeInclusive<u16>, block: u16, count: usize) -> Wanted {
    Wanted { range, protocol: Protocol::Tcp, block, count }
}

fn occupancy() -> Occupancy {
    Occupancy {
        claimed: [3000, 3001].into(),
        listening: [3002].into(),
        connected: [3005].into(),
        clients: ClientPorts { range: Some((3010, 3999)), left_out: vec![(3012, 3013)] },
    }
}

#[test]
fn everything_passed_over_is_said_with_its_reason() {
    let bind = |port| match port {
        3006 => Attempt::Refused,
        3007 => Attempt::NotAllowed,
        _ => Attempt::Bound,
    };
    let seek =
        |range, block, count| find(&wanted(range, block, count), &occupancy(), Looked::Here, bind);
    let found = seek(3000..=3013, 1, 20);
    let ports: Vec<u16> = found.blocks.iter().map(|block| block.0).collect();
    assert_eq!(ports, [3003, 3004, 3007, 3008, 3009, 3012, 3013]);
    assert_eq!(found.untried, [3007]);
    assert_eq!(
        found.reasons(),
        "3000-3001 claimed by the plan, 3002 listened on, 3005 in use by connections, or was a moment \
         ago, 3006 refused by the kernel when bound, 3010-3011 given to clients by the kernel \
         (ip_local_port_range)"
    );
    let found = seek(3000..=3013, 3, 2);
    assert_eq!((found.blocks, found.untried), (vec![(3007, 3009)], vec![3007]));
    // A port that was not named need not have been tried.
    assert!(seek(3007..=3008, 3, 1).untried.is_empty());
    assert_eq!(seek(3003..=3013, 1, 1).blocks, [(3003, 3003)]);
    assert_eq!(seek(3003..=3013, 1, 0).blocks, []);
}

#[test]
fn only_whole_blocks_are_bound_and_not_without_end() {
    let seek = |range, block, count, refused: fn(u16) -> bool| {
        let bound = std::cell::RefCell::new(Vec::new());
        let found = find(&wanted(range, block, count), &occupancy(), Looked::Here, |port| {
            bound.borrow_mut().push(port);
            if refused(port) { Attempt::Refused } else { Attempt::Bound }
        });
        (found, bound.into_inner())
    };
    // 3003 and 3004 are no three in a row, so nobody binds them.
    let (found, bound) = seek(3000..=3013, 3, 1, |_| false);
    assert_eq!((found.blocks, bound), (vec![(3006, 3008)], vec![3006, 3007, 3008]));
    let (found, bound) = seek(4000..=4010, 3, 1, |port| port == 4001);
    assert_eq!((found.blocks, bound), (vec![(4002, 4004)], vec![4000, 4001, 4002, 4003, 4004]));
    assert_eq!(found.passed_over, [((4001, 4001), Obstacle::Refused)]);
    let (found, bound) = seek(4000..=65535, 1, 60_000, |_| true);
    assert_eq!((found.given_up_at, bound.len()), (Some(4000 + 16_384), MOST_BOUND));
    let (found, _) = seek(4000..=4010, 1, 60_000, |_| true);
    assert_eq!(found.given_up_at, None);
}

#[test]
fn another_host_is_known_by_the_plan_alone() {
    let found = elsewhere(&wanted(3000..=3002, 1, 5), [3001].into());
    assert_eq!(found.blocks, [(3000, 3000), (3002, 3002)]);
    let told = found.json(&wanted(3000..=3002, 1, 5));
    assert_eq!(told["looked_at_sockets"], false);
    assert_eq!(told["ports"], json!([3000, 3002]));
    assert_eq!(told["passed_over"][0], json!({ "first": 3001, "last": 3001, "why": "claimed" }));
}

#[test]
fn ranges() {
    assert_eq!(range("3000-3999"), Ok(3000..=3999));
    assert_eq!(range("3000"), Ok(3000..=3000));
    assert_eq!(range("9-1").unwrap_err(), "the first port is above the last; write 1-9");
    for bad in ["", "0-9", "1-65536", "a-b", "-", "+1", "1-2-3"] {
        assert!(range(bad).is_err(), "{bad}");
    }
}
