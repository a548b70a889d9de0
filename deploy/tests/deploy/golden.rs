//! The committed files are what the wiring says. `UPDATE=1 cargo test -p deploy golden` writes them anew.

#[test]
fn golden_files_are_the_committed_ones() {
    for (path, wanted) in deploy::files() {
        let path = deploy::root().join(path);
        if std::env::var_os("UPDATE").is_some() {
            let folder = path.parent().expect("a file is in a folder");
            std::fs::create_dir_all(folder).expect("the folder can be made");
            std::fs::write(&path, &wanted).expect("the file can be written");
        }
        let found = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            found == wanted,
            "{} is not what the wiring says: UPDATE=1 cargo test -p deploy golden, then read the difference",
            path.display()
        );
    }
}
