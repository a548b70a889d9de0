//! `millrace up` under losses of power: killed, and then every byte and every directory entry that was not synced may be
//! gone. A library preloaded into the shop notes what is synced; the partners' ledgers are the outside's and stay.
//! Three losses with everything else; `make power` for a hundred.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use host::ports::Ports;
use millrace::clock::Clock;

use crate::kills::{LIFE_MS, customers, die, number, restart, up};
use crate::shop::{Directory, Shop, ports};

const PAGE: u64 = 4096;
/// The partners'.
const OUTSIDE: &str = "ledgers";

/// A disk whose synced state is known.
struct Disk {
    /// Everything the shop keeps; ends in a slash.
    root: PathBuf,
    notes: PathBuf,
    kept: PathBuf,
    library: PathBuf,
    random: Clock,
    /// What the losses have taken: bytes of files, whole files and folders.
    bytes: u64,
    entries: u64,
}

/// As last synced.
#[derive(Default)]
struct Synced {
    /// By inode: bytes written, length.
    files: BTreeMap<u64, (u64, u64)>,
    /// By inode: inodes by name.
    folders: BTreeMap<u64, BTreeMap<String, u64>>,
}

impl Disk {
    fn new(folder: &Path, seed: u64) -> Self {
        let disk = Self {
            root: folder.join("root"),
            notes: folder.join("notes"),
            kept: folder.join("kept"),
            library: folder.join("power.so"),
            random: Clock::simulated(seed),
            bytes: 0,
            entries: 0,
        };
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/power.c");
        let mut cc = Command::new("cc");
        cc.args(["-shared", "-fPIC", "-O1", "-o"]).arg(&disk.library).arg(source);
        assert!(cc.status().expect("cc is there, as for every Rust program").success());
        fs::create_dir(&disk.root).expect("a fresh folder");
        disk.forget();
        disk
    }

    fn data(&self) -> String {
        self.root.join("data").to_str().expect("a printable path").to_owned()
    }

    fn shop(&self, ports: Ports) -> Command {
        let mut command = up(ports, &self.data());
        command.env("LD_PRELOAD", &self.library).env("POWER_ROOT", &self.root);
        command.env("POWER_NOTES", &self.notes).env("POWER_KEPT", &self.kept);
        command
    }

    /// Takes a random part of what was not synced.
    fn lose_power(&mut self) {
        let synced = self.synced();
        let root = self.root.clone();
        self.lose_entries(&root, &synced);
        self.forget();
    }

    /// What is there now is on the disk.
    fn forget(&self) {
        let _ = fs::remove_dir_all(&self.kept);
        fs::create_dir(&self.kept).expect("a folder");
        fs::write(&self.notes, "").expect("a file");
        self.note(&self.root);
    }

    fn note(&self, folder: &Path) {
        let inode = fs::metadata(folder).expect("a folder").ino();
        let mut notes = format!("D {inode}\n");
        for (name, path) in entries(folder) {
            let data = fs::metadata(&path).expect("an entry");
            notes += &format!("E {inode} {} {name}\n", data.ino());
            if data.is_dir() {
                self.note(&path);
                continue;
            }
            notes += &format!("F {} {} {}\n", data.ino(), written(&path), data.len());
            fs::hard_link(&path, self.kept.join(data.ino().to_string())).expect("a second name");
        }
        let mut all = fs::read_to_string(&self.notes).expect("the notes");
        all += &notes;
        fs::write(&self.notes, all).expect("the notes");
    }

    fn synced(&self) -> Synced {
        let mut synced = Synced::default();
        for line in fs::read_to_string(&self.notes).expect("the notes").lines() {
            let (kind, rest) = line.split_once(' ').expect("a note");
            let mut words = rest.splitn(3, ' ');
            let mut number = || words.next().map_or(0, |word| word.parse::<u64>().expect("a number"));
            let (inode, first) = (number(), number());
            match kind {
                "F" => drop(synced.files.insert(inode, (first, number()))),
                "D" => drop(synced.folders.insert(inode, BTreeMap::new())),
                _ => drop(
                    synced.folders.entry(inode).or_default().insert(words.next().unwrap_or_default().to_owned(), first),
                ),
            }
        }
        synced
    }

    fn tossed(&self) -> bool {
        self.random.random().is_multiple_of(2)
    }

    /// Each change of a folder since its last sync is there or not, whatever became of the others.
    fn lose_entries(&mut self, folder: &Path, synced: &Synced) {
        let present = entries(folder);
        let nothing = BTreeMap::new();
        let before = synced.folders.get(&fs::metadata(folder).expect("a folder").ino()).unwrap_or(&nothing);
        let names: BTreeSet<&String> = present.keys().chain(before.keys()).collect();
        for name in names.into_iter().filter(|name| *name != OUTSIDE) {
            let path = folder.join(name);
            let now = present.get(name).map(|path| fs::metadata(path).expect("an entry").ino());
            let then = before.get(name).copied();
            if now != then && self.tossed() {
                self.entries += 1;
                if now.is_some() {
                    let removed = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
                    removed.expect("it was there");
                }
                if let Some(inode) = then {
                    // A folder that was removed does not come back: what it held is not kept.
                    let _ = fs::hard_link(self.kept.join(inode.to_string()), &path);
                }
            }
            match fs::metadata(&path) {
                Ok(data) if data.is_dir() => self.lose_entries(&path, synced),
                Ok(data) => self.lose_bytes(&path, synced.files.get(&data.ino()).copied().unwrap_or_default()),
                Err(_) => {}
            }
        }
    }

    /// Of what was written after the last sync a random part is there, up to some byte.
    fn lose_bytes(&mut self, path: &Path, (synced, length): (u64, u64)) {
        let end = written(path);
        if end <= synced {
            return;
        }
        let cut = synced + self.random.random() % (end - synced + 1);
        self.bytes += end - cut;
        let file = OpenOptions::new().write(true).open(path).expect("a file");
        let now = file.metadata().expect("its length").len();
        file.set_len(cut).and_then(|()| file.set_len(length.clamp(cut, now))).expect("it is cut");
    }
}

fn entries(folder: &Path) -> BTreeMap<String, PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    entries.map(|path| (path.file_name().expect("a name").to_string_lossy().into_owned(), path)).collect()
}

/// Where the bytes of a file end that may have been given a greater length before.
fn written(path: &Path) -> u64 {
    let file = File::open(path).expect("a file");
    let mut end = file.metadata().expect("its length").len();
    let mut page = [0; PAGE as usize];
    while end > 0 {
        let from = (end - 1) / PAGE * PAGE;
        let count = (end - from) as usize;
        file.read_exact_at(&mut page[..count], from).expect("a page");
        if let Some(last) = page[..count].iter().rposition(|byte| *byte != 0) {
            return from + last as u64 + 1;
        }
        end = from;
    }
    0
}

#[tokio::test(flavor = "multi_thread")]
async fn a_loss_of_power_takes_no_acknowledged_order_and_does_nothing_twice() {
    let (losses, seed) = (number("LOSSES", 3), number("SEED", 1));
    let (directory, ports) = (Directory::new(), ports());
    let mut disk = Disk::new(Path::new(directory.path()), seed);
    let data = disk.data();
    let mut first = Shop::spawn(ports, disk.shop(ports));
    let mut last = None;
    let trouble = async {
        first.kill();
        disk.lose_power();
        let random = Clock::simulated(seed);
        for _ in 1..losses {
            let shop = disk.shop(ports).stdin(Stdio::null()).spawn().expect("millrace starts");
            die(shop, Duration::from_millis(random.random() % LIFE_MS)).await;
            disk.lose_power();
        }
        last = Some(restart(ports, &data));
    };
    let run = customers(ports, &data, seed, trouble).await;
    let lost = format!("{losses} losses of power, {} entries and {} bytes gone", disk.entries, disk.bytes);
    run.acquit(&lost, seed);
    last.expect("a shop").nothing_is_left().await;
    assert!(disk.bytes > 0, "nothing was lost: are the notes right?");
}
