//! What a group picks.

use std::collections::HashMap;
use std::time::Duration;

use super::group::{AddressKey, Group, Key, Picked, ServerIndex};
use super::resolver::Resolver;
use super::roots::SystemRoots;
use super::server::Settings;
use super::state::Readiness;
use crate::config::{Balance, Breaker, Health, Retry, Span, UpstreamTls};
use crate::plan::{Upstream, UpstreamServer};
use crate::units::ServerUrl;

const BREAKER: Breaker = Breaker { failures: 3, open: Duration::from_secs(3600) };

fn server(index: usize) -> UpstreamServer {
    let url = ServerUrl::parse(&format!("http://127.0.0.1:{}", 3000 + index)).expect("a URL");
    UpstreamServer { url, span: Span::default(), weight: 1, backup: false, max_conns: None }
}

fn upstream_of(servers: Vec<UpstreamServer>, balance: Balance) -> Upstream {
    Upstream {
        name: "api".to_owned(),
        servers,
        balance,
        span: Span::default(),
        wait: Duration::from_secs(60),
        tls: UpstreamTls::default(),
        proxy_protocol: None,
        queue: 2,
        health: Health { breaker: Some(BREAKER), ..Health::default() },
        retry: Retry::default(),
    }
}

fn settings() -> Settings {
    Settings { tcp_keepalive: Duration::ZERO, resolver: Resolver::new(&[]), roots: SystemRoots::default() }
}

fn group_of(servers: Vec<UpstreamServer>, balance: Balance) -> Group {
    Group::new(&upstream_of(servers, balance), &settings()).expect("a group")
}

pub(super) fn group(count: usize, balance: Balance) -> Group {
    group_of((0..count).map(server).collect(), balance)
}

fn picks(group: &Group, key: &Key<'_>, count: usize) -> HashMap<usize, usize> {
    let mut of_each = HashMap::new();
    for _ in 0..count {
        *of_each.entry(group.pick(key, &[]).expect("a server").index().get()).or_default() += 1;
    }
    of_each
}

fn set(group: &Group, index: usize, readiness: Readiness) {
    group.servers()[index].state().set_ready(readiness);
}

#[test]
fn turns_follow_the_weights() {
    let mut servers = vec![server(0), server(1)];
    servers[1].weight = 3;
    assert_eq!(picks(&group_of(servers, Balance::RoundRobin), &Key::None, 400), HashMap::from([(0, 100), (1, 300)]));
}

#[test]
fn what_was_tried_or_is_not_usable_is_not_picked() {
    for balance in [Balance::RoundRobin, Balance::LeastConn, Balance::Random, Balance::IpHash] {
        let group = group(3, balance);
        set(&group, 0, Readiness::NotReady);
        for _ in 0..20 {
            let first = group.pick(&Key::None, &[]).expect("a server").index();
            assert_ne!(first.get(), 0);
            let second = group.pick(&Key::None, &[first]).expect("another").index();
            assert!(second.get() != 0 && second != first);
            assert!(group.pick(&Key::None, &[first, second]).is_none());
        }
    }
}

#[test]
fn the_fewest_requests_for_the_weight_get_the_next() {
    let mut servers = vec![server(0), server(1)];
    servers[1].weight = 2;
    let group = group_of(servers, Balance::LeastConn);
    let held: Vec<Picked<'_>> = (0..30).map(|_| group.pick(&Key::None, &[]).expect("a server")).collect();
    let active = |index: usize| group.servers()[index].state().active();
    assert_eq!((active(0), active(1)), (10, 20));
    drop(held);
    assert_eq!((active(0), active(1)), (0, 0));
}

#[test]
fn of_two_that_are_drawn_the_busier_does_not_get_it() {
    let group = group(2, Balance::Random);
    let held: Vec<Picked<'_>> = (0..40).map(|_| group.pick(&Key::None, &[]).expect("a server")).collect();
    let active = |index: usize| group.servers()[index].state().active();
    assert_eq!((active(0), active(1)), (20, 20), "with two servers both are drawn");
    drop(held);
}

#[test]
fn an_address_or_a_value_keeps_its_server_and_nothing_is_spread() {
    let address = |text: &str| Key::Address(AddressKey::new(text.parse().expect("an address")));
    let by_address = group(4, Balance::IpHash);
    for host in 0..50 {
        assert_eq!(picks(&by_address, &address(&format!("192.0.2.{host}")), 5).len(), 1);
    }
    let of = |text| by_address.pick(&address(text), &[]).expect("a server").index();
    assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:2"), "one network, one client");
    assert_eq!(of("192.0.2.1"), of("::ffff:192.0.2.1"));
    let by_header = group(4, Balance::Header(http::HeaderName::from_static("x-tenant")));
    assert_eq!(picks(&by_header, &Key::Value(b"acme"), 5).len(), 1);
    assert_eq!(picks(&by_header, &Key::None, 8).len(), 4);
}

#[test]
fn a_client_stays_with_the_server_of_its_cookie_until_that_is_down() {
    let group = group(3, Balance::Cookie { name: "srv".to_owned(), secret: None });
    let first = group.pick(&Key::None, &[]).expect("a server").index();
    let (name, token) = group.new_cookie(&Key::None, first).expect("a cookie");
    assert_eq!(name, "srv");
    let key = Key::Value(token.as_bytes());
    assert_eq!(picks(&group, &key, 9), HashMap::from([(first.get(), 9)]));
    assert!(group.new_cookie(&key, first).is_none(), "it has it");
    set(&group, first.get(), Readiness::NotReady);
    let other = group.pick(&key, &[]).expect("a server").index();
    assert!(other != first && group.new_cookie(&key, other).is_some(), "and goes on with another");
    assert!(group.new_cookie(&Key::Value(b"forged"), other).is_some());
}

#[test]
fn the_cookie_of_a_backup_holds_a_client_only_while_no_other_is_usable() {
    let mut servers: Vec<_> = (0..4).map(server).collect();
    servers[2].backup = true;
    servers[3].backup = true;
    let group = group_of(servers, Balance::Cookie { name: "srv".to_owned(), secret: None });
    set(&group, 0, Readiness::NotReady);
    set(&group, 1, Readiness::NotReady);
    let backup = group.pick(&Key::None, &[]).expect("a backup").index();
    let (_, token) = group.new_cookie(&Key::None, backup).expect("a cookie");
    let key = Key::Value(token.as_bytes());
    assert_eq!(picks(&group, &key, 6), HashMap::from([(backup.get(), 6)]), "all its requests go to one");
    set(&group, 1, Readiness::Ready);
    let back = group.pick(&key, &[]).expect("a server").index();
    assert!(back.get() == 1 && group.new_cookie(&key, back).is_some(), "it comes back, and is told so");
    let tried = [ServerIndex::new(1)];
    assert_eq!(group.pick(&key, &tried).expect("the backup").index(), backup, "where the other has just failed, it is asked");
}

#[test]
fn a_server_that_is_there_again_gets_its_share_at_once_whatever_requests_met_there() {
    let group = group(2, Balance::RoundRobin);
    for _ in 0..3 {
        group.note_unreachable(ServerIndex::new(0), "refused");
    }
    assert_eq!(picks(&group, &Key::None, 4), HashMap::from([(1, 4)]));
    assert!(group.servers()[0].state().is_unreachable());
    group.note_return(ServerIndex::new(0));
    assert_eq!(picks(&group, &Key::None, 4), HashMap::from([(0, 2), (1, 2)]));
    for _ in 0..3 {
        group.note_failure(ServerIndex::new(0), "a 503");
    }
    assert!(!group.servers()[0].state().is_unreachable(), "it accepts connections: a check says nothing against its failures");
}

#[test]
fn backups_are_asked_only_while_no_other_is_usable() {
    let mut servers = vec![server(0), server(1), server(2)];
    servers[2].backup = true;
    servers[0].max_conns = Some(1);
    servers[1].max_conns = Some(1);
    let group = group_of(servers, Balance::RoundRobin);
    let busy = (group.pick(&Key::None, &[]).expect("a server"), group.pick(&Key::None, &[]).expect("a server"));
    assert!(group.pick(&Key::None, &[]).is_none(), "busy is not down");
    assert!(group.is_full(&[]));
    drop(busy);
    let both = [ServerIndex::new(0), ServerIndex::new(1)];
    assert_eq!(group.pick(&Key::None, &both).expect("the backup").index().get(), 2);
    set(&group, 0, Readiness::NotReady);
    assert_eq!(picks(&group, &Key::None, 4), HashMap::from([(1, 4)]));
    set(&group, 1, Readiness::NotReady);
    assert_eq!(picks(&group, &Key::None, 4), HashMap::from([(2, 4)]));
}

fn limited() -> Group {
    let mut alone = server(0);
    alone.max_conns = Some(1);
    group_of(vec![alone], Balance::RoundRobin)
}

fn soon() -> tokio::time::Instant {
    tokio::time::Instant::now() + Duration::from_secs(20)
}

#[tokio::test]
async fn who_waits_for_a_busy_server_gets_it_before_who_comes_later() {
    let group = limited();
    let first = group.pick(&Key::None, &[]).expect("a server");
    let waiting = group.wait_for_room(&Key::None, &[], soon());
    let later = async {
        tokio::task::yield_now().await;
        drop(first);
        assert!(group.pick(&Key::None, &[]).is_none(), "somebody waits");
    };
    let (picked, ()) = tokio::join!(waiting, later);
    drop(picked.expect("a server"));
    assert!(group.pick(&Key::None, &[]).is_some());
}

#[tokio::test]
async fn a_full_queue_and_a_long_wait_end_in_a_refusal() {
    let group = limited();
    let _busy = group.pick(&Key::None, &[]).expect("a server");
    let wait = || group.wait_for_room(&Key::None, &[], tokio::time::Instant::now() + Duration::from_millis(20));
    let (first, second, third) = tokio::join!(wait(), wait(), wait());
    let cause = |result: Result<Picked<'_>, _>| format!("{:?}", result.err().expect("refused"));
    assert!(cause(first).contains("waited") && cause(second).contains("waited"));
    assert!(cause(third).contains("too many"), "the queue has two places");
}

fn fail(group: &Group, index: usize, times: usize) {
    (0..times).for_each(|_| group.note_failure(ServerIndex::new(index), "refused"));
}

#[test]
fn a_server_that_fails_again_and_again_is_left_alone() {
    let group = group(2, Balance::RoundRobin);
    fail(&group, 0, 2);
    group.note_success(ServerIndex::new(0));
    fail(&group, 0, 2);
    assert_eq!(picks(&group, &Key::None, 10), HashMap::from([(0, 5), (1, 5)]));
    fail(&group, 0, 1);
    assert_eq!(picks(&group, &Key::None, 10), HashMap::from([(1, 10)]));
}

#[test]
fn the_last_server_that_may_be_asked_is_never_left_alone() {
    let alone = group(1, Balance::RoundRobin);
    fail(&alone, 0, 10);
    assert_eq!(picks(&alone, &Key::None, 3), HashMap::from([(0, 3)]));
    let two = group(2, Balance::RoundRobin);
    fail(&two, 0, 10);
    fail(&two, 1, 10);
    assert_eq!(picks(&two, &Key::None, 3), HashMap::from([(1, 3)]));
}

#[test]
fn a_server_that_is_left_alone_is_asked_when_all_others_have_failed_the_request() {
    let group = group(3, Balance::LeastConn);
    fail(&group, 0, 3);
    let tried = [1, 2].map(ServerIndex::new);
    assert_eq!(group.pick(&Key::None, &tried).expect("the last resort").index(), ServerIndex::new(0));
    assert!(group.pick(&Key::None, &[0, 1, 2].map(ServerIndex::new)).is_none());
    set(&group, 0, Readiness::NotReady);
    assert!(group.pick(&Key::None, &tried).is_none(), "what a check says counts");
}

#[test]
fn a_backup_stands_in_for_a_server_that_is_left_alone() {
    let mut servers = vec![server(0), server(1)];
    servers[1].backup = true;
    let group = group_of(servers, Balance::RoundRobin);
    fail(&group, 0, 3);
    assert_eq!(picks(&group, &Key::None, 3), HashMap::from([(1, 3)]));
}

#[test]
fn a_server_that_came_back_gets_little_at_first() {
    for balance in [Balance::RoundRobin, Balance::LeastConn, Balance::Random] {
        let slow = Upstream {
            health: Health { slow_start: Duration::from_secs(3600), ..Health::default() },
            ..upstream_of(vec![server(0), server(1)], balance)
        };
        let group = Group::new(&slow, &settings()).expect("a group");
        assert!(picks(&group, &Key::None, 100)[&0] > 30, "at start all are warm");
        set(&group, 0, Readiness::NotReady);
        set(&group, 0, Readiness::Ready);
        let shares = picks(&group, &Key::None, 1000);
        assert!(shares.get(&0).is_none_or(|&share| share <= 15), "{shares:?}");
        set(&group, 1, Readiness::NotReady);
        assert_eq!(picks(&group, &Key::None, 10), HashMap::from([(0, 10)]), "but all, when there is no other");
    }
}
