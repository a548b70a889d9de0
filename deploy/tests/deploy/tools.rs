//! Programs that the tests ask, and a folder for what these read.

use std::path::PathBuf;
use std::process::Command;

/// The path that `tools/get-<name>` prints.
pub fn tool(name: &str) -> PathBuf {
    let script = deploy::root().join("tools").join(format!("get-{name}"));
    let output = Command::new(script).output().expect("the script runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("a path").trim().into()
}

/// What it printed, if all was well; else both outputs.
pub fn run(command: &mut Command) -> Result<String, String> {
    let output = command.output().expect("it runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    if output.status.success() { Ok(stdout) } else { Err(stdout + &stderr) }
}

/// Gone with the test.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("millrace-deploy-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("the folder can be made");
        Self(path)
    }

    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(self.0.join(name), text).expect("the file can be written");
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
