//! Deploys while requests come in: whichever way a new build gets to its folder, every answer is whole and of one build, and none fails.

mod old_build;
mod visitors;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use rustix::process::Signal;

use self::visitors::{Visitors, build_of, chunk, write_build};
use crate::support::{Edge, Site, has, run, wait_for};

const CONFIG: &str = r#"
//- /proxy.toml
[server]
listen = ["127.0.0.1:0"]
grace = "1s"
[log]
access = false
[[route]]
path = "/"
root = "dist"
spa = true
"#;

fn start_on(config: &str, make: impl FnOnce(&Site)) -> Edge {
    let site = Site::new(config);
    make(&site);
    Edge::start_with(site, |_| {})
}

/// An edge on `dist`, with the first build in it.
fn start() -> Edge {
    start_on(CONFIG, |site| write_build(&site.join("dist"), 1))
}

fn wait_for_build(edge: &Edge, build: u32) {
    wait_for(&format!("build {build}"), || (build_of(&edge.get("/", "").text()) == build).then_some(()));
}

/// Deploys under load, and waits until the new build is served.
fn deploy(edge: &Edge, build: u32, how: impl FnOnce(&Path)) {
    let visitors = Visitors::start(edge);
    how(edge.site.path());
    wait_for_build(edge, build);
    visitors.finish();
}

fn shell(folder: &Path, script: &str) {
    run(Command::new("sh").args(["-ec", script]).current_dir(folder));
}

#[test]
fn a_folder_that_is_renamed_into_place_is_served_without_a_failed_request() {
    let edge = start();
    deploy(&edge, 2, |folder| {
        write_build(&folder.join("dist.new"), 2);
        shell(folder, "mv dist dist.old && mv dist.new dist && rm -r dist.old");
    });
    // What is told of must be the new folder now, not the one that was moved away.
    deploy(&edge, 3, |folder| {
        write_build(&folder.join("dist.new"), 3);
        shell(folder, "rm -r dist && mv dist.new dist");
    });
    let event = edge.wait_for_event("the swap", |event| event["msg"] == "serving a new build" && event["added"] == 1);
    let number = |name: &str| event[name].as_u64();
    assert_eq!((number("files"), number("added"), number("removed"), number("changed")), (Some(4), Some(1), Some(1), Some(3)), "{event}");
    assert_eq!(number("kept"), Some(1), "{event}");
}

#[test]
fn a_new_build_without_coded_siblings_is_compressed_in_the_background_too() {
    let write = |folder: &Path, build: u32| {
        write_build(folder, build);
        fs::write(folder.join("text.txt"), format!("build {build} ").repeat(1000)).expect("a file");
    };
    let edge = start_on(CONFIG, |site| write(&site.join("dist"), 1));
    let is_coded = || edge.get("/text.txt", "Accept-Encoding: br\r\n").field("content-encoding").is_some().then_some(());
    wait_for("the first build's coded form", is_coded);
    write(&edge.site.join("dist.new"), 2);
    shell(edge.site.path(), "mv dist dist.old && mv dist.new dist");
    wait_for_build(&edge, 2);
    wait_for("the second build's coded form", is_coded);
}

#[test]
fn a_build_that_is_copied_over_the_old_one_is_served_without_a_failed_request() {
    let edge = start();
    deploy(&edge, 2, |folder| {
        write_build(&folder.join("next"), 2);
        shell(folder, "cp -r next/. dist/");
    });
}

/// Each file under a temporary name beside its place, with the time of the source, then renamed; what is no more in the source goes last.
fn copy_as_rsync_does(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).expect("the source") {
        let source = entry.expect("an entry").path();
        let name = source.file_name().expect("a name").to_string_lossy().into_owned();
        if source.is_dir() {
            copy_as_rsync_does(&source, &to.join(name));
            continue;
        }
        let temporary = to.join(format!(".{name}.Xa9k2Q"));
        fs::copy(&source, &temporary).expect("a copy");
        let modified = fs::metadata(&source).and_then(|metadata| metadata.modified()).expect("a time");
        let file = fs::File::options().write(true).open(&temporary).expect("the copy");
        file.set_modified(modified).expect("its time");
        fs::rename(&temporary, to.join(name)).expect("a rename");
    }
    for entry in fs::read_dir(to).expect("the target") {
        let target = entry.expect("an entry").path();
        if target.is_file() && !from.join(target.file_name().expect("a name")).exists() {
            fs::remove_file(target).expect("it goes");
        }
    }
}

#[test]
fn files_that_are_renamed_into_place_one_by_one_are_served_without_a_failed_request() {
    let edge = start();
    for build in 2..4 {
        deploy(&edge, build, |folder| {
            let next = folder.join(format!("next-{build}"));
            write_build(&next, build);
            copy_as_rsync_does(&next, &folder.join("dist"));
        });
    }
}

#[test]
fn rsync_with_delete_is_served_without_a_failed_request() {
    // Not `has`: what it does is also done by hand above, so that nobody has to install it.
    if Command::new("rsync").arg("--version").output().is_err() {
        eprintln!("skipped: rsync is missing");
        return;
    }
    let edge = start();
    for build in 2..4 {
        deploy(&edge, build, |folder| {
            write_build(&folder.join("next"), build);
            shell(folder, "rsync -a --delete next/ dist/ && rm -r next");
        });
    }
}

#[test]
fn a_link_that_is_pointed_to_another_release_is_served_without_a_failed_request() {
    let config = CONFIG.replace("\"dist\"", "\"current\"");
    let edge = start_on(&config, |site| {
        write_build(&site.join("releases/1"), 1);
        symlink("releases/1", site.join("current")).expect("a link");
    });
    for build in 2..4 {
        deploy(&edge, build, |folder| {
            write_build(&folder.join(format!("releases/{build}")), build);
            shell(folder, &format!("ln -sfn releases/{build} current"));
        });
    }
}

#[test]
fn a_link_above_the_root_that_is_pointed_elsewhere_is_found_by_looking() {
    let config = CONFIG.replace("\"dist\"", "\"current/public\"");
    let edge = start_on(&config, |site| {
        write_build(&site.join("releases/1/public"), 1);
        symlink("releases/1", site.join("current")).expect("a link");
    });
    deploy(&edge, 2, |folder| {
        write_build(&folder.join("releases/2/public"), 2);
        shell(folder, "ln -sfn releases/2 current");
    });
}

/// As the kubelet does it: a folder with a time in its name, `..data` that points to it, and a link for every file.
#[test]
fn a_config_map_of_kubernetes_is_served_without_a_failed_request() {
    let mount = |folder: &Path, build: u32| {
        let data = folder.join(format!("dist/..2026_{build}"));
        write_build(&data, build);
        symlink(format!("..2026_{build}"), folder.join("dist/..data_tmp")).expect("a link");
        fs::rename(folder.join("dist/..data_tmp"), folder.join("dist/..data")).expect("a swap");
    };
    let edge = start_on(CONFIG, |site| {
        mount(site.path(), 1);
        for name in ["index.html", "assets", "logo.svg", "film.bin"] {
            symlink(format!("..data/{name}"), site.join("dist").join(name)).expect("a link");
        }
    });
    for build in 2..4 {
        deploy(&edge, build, |folder| {
            mount(folder, build);
            fs::remove_dir_all(folder.join(format!("dist/..2026_{}", build - 1))).expect("the old one goes");
        });
    }
}

#[test]
fn a_build_whose_page_came_first_waits_for_the_files_that_it_names() {
    let edge = start();
    let visitors = Visitors::start(&edge);
    write_build(&edge.site.join("next"), 2);
    fs::copy(edge.site.join("next/index.html"), edge.site.join("dist/index.html")).expect("the page");
    edge.wait_for_event("the wait", |event| event["msg"].as_str().is_some_and(|text| text.contains("waits up to")));
    assert_eq!(build_of(&edge.get("/", "").text()), 1);
    fs::copy(edge.site.join("next").join(chunk(2)), edge.site.join("dist").join(chunk(2))).expect("the chunk");
    wait_for_build(&edge, 2);
    visitors.finish();
}

#[test]
fn a_build_that_is_written_into_an_emptied_folder_is_not_served_before_its_page_is_there() {
    let edge = start_on(&CONFIG.replace("spa = true", ""), |site| write_build(&site.join("dist"), 1));
    let visitors = Visitors::start(&edge);
    write_build(&edge.site.join("next"), 2);
    shell(edge.site.path(), "rm -r dist && mkdir dist && cp next/logo.svg dist/");
    edge.wait_for_event("the wait", |event| event["msg"].as_str().is_some_and(|text| text.ends_with("the page itself")));
    shell(edge.site.path(), "cp -r next/. dist/");
    wait_for_build(&edge, 2);
    visitors.finish();
}

#[test]
fn a_broken_build_keeps_the_old_one_and_says_so_once() {
    let edge = start();
    let visitors = Visitors::start(&edge);
    let refusals = |reason: &str| {
        let of_it = |event: &&serde_json::Value| event["reason"].as_str().is_some_and(|text| text.contains(reason));
        edge.events().iter().filter(of_it).count()
    };
    fs::remove_file(edge.site.join("dist/index.html")).expect("the page");
    wait_for("the refusal", || (refusals("is not there") == 1).then_some(()));
    fs::remove_dir_all(edge.site.join("dist")).expect("the folder");
    wait_for("the refusal", || (refusals("No such file") == 1).then_some(()));
    fs::create_dir(edge.site.join("dist")).expect("a folder");
    wait_for("the refusal", || (refusals("") == 3).then_some(()));
    visitors.finish();
    write_build(&edge.site.join("dist"), 2);
    wait_for_build(&edge, 2);
    assert_eq!(refusals(""), 3, "{:?}", edge.events());
}

#[test]
fn a_root_that_is_not_watched_changes_when_a_hup_asks_for_it() {
    let config = CONFIG.replace("spa = true", "spa = true\nwatch = false");
    let edge = start_on(&config, |site| write_build(&site.join("dist"), 1));
    write_build(&edge.site.join("dist"), 2);
    assert_eq!(build_of(&edge.get("/", "").text()), 1);
    edge.signal(Signal::HUP);
    wait_for_build(&edge, 2);
}

#[test]
fn a_hup_loads_a_root_again_though_nothing_changed() {
    let edge = start();
    let loads = || edge.events().iter().filter(|event| event["msg"] == "serving a new build").count();
    let before = loads();
    edge.signal(Signal::HUP);
    wait_for("the load", || (loads() > before).then_some(()));
    assert_eq!(build_of(&edge.get("/", "").text()), 1);
}

#[test]
fn a_hup_reads_no_file_again_that_has_long_been_as_it_is() {
    let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden");
    let edge = start_on(&CONFIG.replace("\"dist\"\nspa = true", &format!("{golden:?}")), |_| {});
    edge.signal(Signal::HUP);
    let event = edge.wait_for_event("the load", |event| event["msg"] == "serving a new build");
    assert!(event["files"].as_u64() > Some(1), "{event}");
    assert_eq!((event["read"].as_u64(), event["changed"].as_u64()), (Some(0), Some(0)), "{event}");
}

#[test]
fn wrk_sees_no_error_while_builds_are_swapped() {
    if !has("wrk") {
        return;
    }
    let edge = start();
    let mut wrk = Command::new("wrk");
    wrk.args(["-t1", "-c20", "-d4s", "--timeout", "60s", &format!("http://{}/", edge.address())]);
    let load = std::thread::spawn(move || run(&mut wrk));
    swap_while(&edge, || load.is_finished());
    let output = load.join().expect("wrk");
    assert!(!output.contains("Socket errors") && !output.contains("Non-2xx"), "{output}");
}

#[test]
fn h2load_sees_no_error_while_builds_are_swapped() {
    if !has("h2load") {
        return;
    }
    let config = CONFIG.replace("127.0.0.1:0\"]", "https://127.0.0.1:0\"]").replace("[log]", "[tls]\ndev = true\n[log]");
    let edge = start_on(&config, |site| write_build(&site.join("dist"), 1));
    let mut h2load = Command::new("h2load");
    // The chunk of the first build: kept, once the second is served.
    h2load.args(["-D", "4", "-c", "5", "-m", "10", &format!("https://localhost:{}/{}", edge.address().port(), chunk(1))]);
    let load = std::thread::spawn(move || run(&mut h2load));
    let swaps = swap_while(&edge, || load.is_finished());
    let output = load.join().expect("h2load");
    assert!(output.contains(" 0 failed, 0 errored, 0 timeout") && output.contains(" 0 3xx, 0 4xx, 0 5xx"), "{output}");
    assert!(swaps > 0);
}

/// Deploys one build after another; gives how many were swapped in.
fn swap_while(edge: &Edge, is_over: impl Fn() -> bool) -> usize {
    let swaps = || edge.events().iter().filter(|event| event["msg"] == "serving a new build").count();
    let mut build = 1;
    while !is_over() {
        build += 1;
        let before = swaps();
        write_build(&edge.site.join("dist.new"), build);
        shell(edge.site.path(), "rm -r dist && mv dist.new dist");
        wait_for("the swap", || (swaps() > before).then_some(()));
    }
    swaps()
}
