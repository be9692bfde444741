//! X3: what ends the service does not end its runs: neither the end of its whole cgroup, nor that of its container,
//! nor another program in its place.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use orch_testkit::git;
use orch_testkit::world::{World, not_run};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};
use tempfile::TempDir;

use super::carried::{Carried, Up, attempts_of, eventually, waits};
use super::restart::{developer_waits, ended_once};

const PATIENCE: Duration = Duration::from_secs(60);

/// The program under test behind a script that decides where it runs.
struct Installed {
    folder: TempDir,
}

impl Installed {
    /// `before` is shell: it runs before the program if the variable `PLACE` is set, and may replace it.
    fn with(before: &str) -> Self {
        let folder = tempfile::Builder::new().prefix("orch-installed-").tempdir().unwrap();
        let installed = Self { folder };
        std::fs::copy(env!("CARGO_BIN_EXE_orch"), installed.program()).unwrap();
        let program = installed.program();
        let text = format!(
            "#!/bin/sh\nprogram={}\nif [ -n \"$PLACE\" ]; then {before}; fi\nexec \"$program\" \"$@\"\n",
            program.display()
        );
        std::fs::write(installed.script(), text).unwrap();
        std::fs::set_permissions(installed.script(), std::fs::Permissions::from_mode(0o755)).unwrap();
        installed
    }

    fn program(&self) -> PathBuf {
        self.folder.path().join("orch")
    }

    fn script(&self) -> PathBuf {
        self.folder.path().join("start")
    }

    /// What an upgrade does: another file, renamed over the running one.
    fn replace(&self) {
        let new = self.folder.path().join("orch.new");
        std::fs::copy(env!("CARGO_BIN_EXE_orch"), &new).unwrap();
        std::fs::rename(new, self.program()).unwrap();
    }

    /// A repository whose developer waits until the file `go` appears.
    fn carried(&self) -> Carried {
        let world = World::new(self.script(), &|name| std::env::var(name).ok()).unwrap();
        let repository = world.path("small");
        std::fs::create_dir(&repository).unwrap();
        std::fs::write(repository.join("README"), "A repository.\n").unwrap();
        git(&repository, &["init", "--quiet", "--template=", "--initial-branch", "main"]).unwrap();
        for (key, value) in [("user.name", "A User"), ("user.email", "user@example.org")] {
            git(&repository, &["config", key, value]).unwrap();
        }
        git(&repository, &["add", "--all"]).unwrap();
        git(&repository, &["commit", "--quiet", "--message", "First"]).unwrap();
        open_to_signals(Carried::set_up(world, repository, &developer_waits(), Some("test -s README")))
    }
}

/// Lets agents see the file they wait for: it lies in the world's folder, which a confined agent cannot look into.
pub fn open_to_signals(carried: Carried) -> Carried {
    let file = carried.world.config();
    let settings = std::fs::read_to_string(&file).unwrap();
    if !settings.lines().any(|line| line == "[confinement]") {
        std::fs::write(&file, format!("[confinement]\nlevel = \"L0\"\nmin = \"L0\"\n{settings}")).unwrap();
    }
    carried
}

/// One process for good: its id and when it started.
fn identity(pid: u32) -> (u32, String) {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let after = stat.rsplit_once(')').unwrap().1;
    (pid, after.split_ascii_whitespace().nth(19).unwrap().to_owned())
}

/// The story of every test here: an agent is at work, `end` ends the service and all around it, the program is
/// replaced, the service starts again and meets the same agent.
fn the_same_agent_goes_on(installed: &Installed, carried: &Carried, end: impl FnOnce(Up)) {
    let service = carried.up();
    let id = service.open("Say hello");
    service.approve(&id);
    service.until(&id, "is at work", |task| task["stage"] == "development" && waits(task, "agent"));
    let agents = eventually("its agent waits", || {
        let log = service.log(&id, 3);
        let agents: Vec<_> = carried.agents().into_iter().map(identity).collect();
        (log.contains("waiting for") && !agents.is_empty()).then_some(agents).ok_or(log)
    });
    end(service);
    let now = || carried.agents().into_iter().map(identity).collect::<Vec<_>>();
    assert_eq!(now(), agents, "the same process goes on");

    installed.replace();
    let service = carried.up();
    let task = service.until(&id, "is known again", |task| waits(task, "agent"));
    assert_eq!(attempts_of(&task, "developer").len(), 1);
    assert_eq!(now(), agents, "and no second one beside it");
    std::fs::write(carried.signal("go"), "").unwrap();
    let task = service.done(&id);
    ended_once(&service, carried, &id, &task);
}

/// A control group with one below it for the service. Dropped: everything in it is killed, and it is removed.
struct Group {
    folder: PathBuf,
}

impl Group {
    /// In the unified hierarchy if it can be written to, else in one of version 1.
    fn create() -> Result<Self, String> {
        let mut why = "no control group hierarchy is mounted".to_owned();
        for top in ["unified", "", "freezer", "pids"].map(|name| Path::new("/sys/fs/cgroup").join(name)) {
            if !top.join("cgroup.procs").exists() {
                continue;
            }
            let folder = top.join(format!("orch-test-{}", std::process::id()));
            match std::fs::create_dir(&folder).and_then(|()| std::fs::create_dir(folder.join("service"))) {
                Ok(()) => return Ok(Self { folder }),
                Err(error) => why = format!("{}: {error}", top.display()),
            }
        }
        Err(why)
    }

    fn service(&self) -> PathBuf {
        self.folder.join("service")
    }

    /// Kills every process of one group of it, and returns when none is left.
    fn kill(group: &Path) {
        loop {
            let pids = std::fs::read_to_string(group.join("cgroup.procs")).unwrap_or_default();
            let pids: Vec<Pid> = pids.lines().filter_map(|pid| Pid::from_raw(pid.parse().ok()?)).collect();
            if pids.is_empty() {
                return;
            }
            for pid in pids {
                let Ok(handle) = pidfd_open(pid, PidfdFlags::empty()) else { continue };
                let _ = kill_process(pid, Signal::KILL);
                let limit = Timespec::try_from(PATIENCE).unwrap();
                let dead = poll(&mut [PollFd::new(&handle, PollFlags::IN)], Some(&limit));
                assert!(dead.is_ok_and(|ready| ready > 0), "{pid:?} survives SIGKILL");
            }
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let below = std::fs::read_dir(&self.folder).into_iter().flatten().flatten().map(|entry| entry.path());
        for group in below.filter(|path| path.is_dir()) {
            Self::kill(&group);
            let _ = std::fs::remove_dir(&group);
        }
        let _ = std::fs::remove_dir(&self.folder);
    }
}

#[test]
fn an_agent_survives_its_services_cgroup_and_an_upgrade() {
    let group = match Group::create() {
        Ok(group) => group,
        Err(why) => {
            let name = "survive::an_agent_survives_its_services_cgroup_and_an_upgrade";
            return not_run(std::env::var_os("ORCH_TEST_NOT_RUN").as_deref(), name, &why);
        }
    };
    let installed = Installed::with("echo $$ > \"$PLACE/cgroup.procs\"");
    let mut carried = installed.carried();
    carried.world.set("PLACE", group.service().to_str().unwrap());
    the_same_agent_goes_on(&installed, &carried, |service| {
        let pid = service.0.pid();
        let in_group = std::fs::read_to_string(group.service().join("cgroup.procs")).unwrap();
        assert!(in_group.lines().any(|line| line == pid.to_string()), "the service is in its group: {in_group:?}");
        let said = eventually("it says what runs survive", || {
            let said = service.0.output();
            if said.contains("agents at work survive") { Ok(said) } else { Err(said) }
        });
        assert!(said.contains("the end of its cgroup or unit") && !said.contains("; not"), "{said}");
        Group::kill(&group.service());
        assert!(!service.0.kill().unwrap().success());
    });
    drop(carried);
}

/// Podman set up for this test alone, with the machine's own programs in its containers.
struct Podman {
    folder: TempDir,
}

/// No systemd and hybrid control groups are fine with this.
const CONTAINERS: &str = "[engine]\ncgroup_manager = \"cgroupfs\"\nevents_logger = \"file\"\nruntime = \"runc\"\n\
    [containers]\ndefault_ulimits = [\"nofile=1024:4096\", \"nproc=4096:4096\"]\n";

impl Podman {
    fn create() -> Result<Self, String> {
        let folder = tempfile::Builder::new().prefix("orch-podman-").tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let storage =
            format!("[storage]\ndriver = \"vfs\"\ngraphroot = {:?}\nrunroot = {:?}\n", path("graph"), path("run"));
        std::fs::write(path("containers.conf"), CONTAINERS).unwrap();
        std::fs::write(path("storage.conf"), storage).unwrap();
        for name in ["usr", "etc", "tmp", "proc", "dev", "sys", "run"] {
            std::fs::create_dir_all(path("root").join(name)).unwrap();
        }
        for name in ["bin", "sbin", "lib", "lib64"] {
            if let Ok(target) = std::fs::read_link(Path::new("/").join(name)) {
                std::os::unix::fs::symlink(target, path("root").join(name)).unwrap();
            }
        }
        let podman = Self { folder };
        let mut tried = podman.command();
        tried.args(["run", "--rm", "--network=host"]).args(podman.mounts()).arg("--rootfs").arg(podman.root());
        match tried.arg("/bin/true").output() {
            Ok(output) if output.status.success() => Ok(podman),
            Ok(output) => Err(format!("podman does not run: {}", String::from_utf8_lossy(&output.stderr).trim())),
            Err(error) => Err(format!("no podman: {error}")),
        }
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("root")
    }

    fn environment(&self) -> [(&'static str, PathBuf); 2] {
        [("CONTAINERS_CONF", "containers.conf"), ("CONTAINERS_STORAGE_CONF", "storage.conf")]
            .map(|(name, file)| (name, self.folder.path().join(file)))
    }

    fn mounts(&self) -> [String; 3] {
        ["--volume=/usr:/usr:ro", "--volume=/etc:/etc:ro", "--volume=/tmp:/tmp"].map(str::to_owned)
    }

    fn command(&self) -> Command {
        let mut command = Command::new("podman");
        command.envs(self.environment()).stdin(Stdio::null());
        command
    }
}

/// `orch host` started by hand. Dropped: killed.
struct ByHand(Child);

impl Drop for ByHand {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn an_agent_survives_its_services_container_and_an_upgrade() {
    let podman = match Podman::create() {
        Ok(podman) => podman,
        Err(why) => {
            let name = "survive::an_agent_survives_its_services_container_and_an_upgrade";
            return not_run(std::env::var_os("ORCH_TEST_NOT_RUN").as_deref(), name, &why);
        }
    };
    let container = format!("orch-test-{}", std::process::id());
    let [(_, conf), (_, storage)] = podman.environment();
    let installed = Installed::with(&format!(
        "export CONTAINERS_CONF={} CONTAINERS_STORAGE_CONF={}; exec podman run --rm --name \"$PLACE\" --network=host \
         --env-host {} --workdir \"$PWD\" --rootfs {} \"$program\" \"$@\"",
        conf.display(),
        storage.display(),
        podman.mounts().join(" "),
        podman.root().display()
    ));
    let mut carried = installed.carried();
    let mut host = carried.world.command(&carried.repository, &["host"]);
    let _host = ByHand(host.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    eventually("the host listens", || {
        let said = carried.world.run(&carried.repository, &["host", "status"]).unwrap();
        if said.code == Some(0) { Ok(()) } else { Err(said.stderr) }
    });
    carried.world.set("PLACE", &container);
    the_same_agent_goes_on(&installed, &carried, |service| {
        let said = eventually("it says what runs survive", || {
            let said = service.0.output();
            if said.contains("agents at work survive") { Ok(said) } else { Err(said) }
        });
        assert!(said.contains("the end of its container") && !said.contains("; not"), "{said}");
        let stopped = podman.command().args(["stop", "--time=20", &container]).output().unwrap();
        assert!(stopped.status.success(), "{}", String::from_utf8_lossy(&stopped.stderr));
        service.0.kill().unwrap();
    });
    let _ = podman.command().args(["rm", "--force", "--time=0", &container]).output();
    drop(carried);
}
