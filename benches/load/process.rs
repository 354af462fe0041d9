//! A process and its figures in /proc.

use std::{
    fs, io,
    path::PathBuf,
    process::{Child, Command, ExitStatus},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};

/// Linux reports 100 ticks per second (`USER_HZ`) to every program.
const TICK: Duration = Duration::from_millis(10);

/// A child process. Dropping it kills it.
pub struct Process(Child);

impl Process {
    pub fn spawn(command: &mut Command) -> io::Result<Self> {
        command.spawn().map(Self)
    }

    /// The status, if the process has ended.
    pub fn status(&mut self) -> io::Result<Option<ExitStatus>> {
        self.0.try_wait()
    }

    /// Stops the process with SIGTERM and waits for its end.
    pub fn stop(mut self) -> io::Result<()> {
        kill_process(Pid::from_child(&self.0), Signal::TERM)?;
        self.0.wait().map(|_| ())
    }

    /// CPU time of all its threads, in user and kernel mode.
    pub fn cpu_time(&self) -> io::Result<Duration> {
        Ok(Stat::of(self.0.id())?.cpu_time)
    }

    /// Resident memory now.
    pub fn resident_bytes(&self) -> io::Result<u64> {
        Ok(1024 * self.number("status", "VmRSS:")?)
    }

    /// The highest resident memory since the start.
    pub fn peak_bytes(&self) -> io::Result<u64> {
        Ok(1024 * self.number("status", "VmHWM:")?)
    }

    /// What it caused to be written to the disk.
    pub fn written_bytes(&self) -> io::Result<u64> {
        self.number("io", "write_bytes:")
    }

    fn number(&self, file: &str, name: &str) -> io::Result<u64> {
        let path = directory(self.0.id()).join(file);
        fs::read_to_string(&path)?
            .lines()
            .find_map(|line| {
                line.strip_prefix(name)?
                    .split_whitespace()
                    .next()?
                    .parse()
                    .ok()
            })
            .ok_or_else(|| io::Error::other(format!("no {name} in {}", path.display())))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only after the process has ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// CPU time of a process and of its children that run now. `None` if there is no such process on this machine.
pub fn family_cpu_time(parent: u32) -> io::Result<Option<Duration>> {
    let Ok(mut whole) = Stat::of(parent).map(|stat| stat.cpu_time) else {
        return Ok(None);
    };
    for entry in fs::read_dir("/proc")? {
        let id = entry?
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok());
        // A process may have ended since.
        if let Some(stat) = id.and_then(|id| Stat::of(id).ok())
            && stat.parent == parent
        {
            whole += stat.cpu_time;
        }
    }
    Ok(Some(whole))
}

/// The parent of a process on this machine.
pub fn parent(id: u32) -> Option<u32> {
    Stat::of(id).ok().map(|stat| stat.parent)
}

/// The part that is read of a `stat` file (`proc_pid_stat(5)`).
struct Stat {
    parent: u32,
    /// In steps of 10 ms.
    cpu_time: Duration,
}

impl Stat {
    fn of(id: u32) -> io::Result<Self> {
        let path = directory(id).join("stat");
        let text = fs::read_to_string(&path)?;
        Self::parse(&text)
            .ok_or_else(|| io::Error::other(format!("{} has an unknown format", path.display())))
    }

    fn parse(text: &str) -> Option<Self> {
        /// Fields are counted from field 3: field 2 is a name in parentheses that may contain spaces.
        const PARENT: usize = 4 - 3;
        const USER: usize = 14 - 3;
        const SYSTEM: usize = 15 - 3;

        let (_, fields) = text.rsplit_once(") ")?;
        let fields: Vec<&str> = fields.split(' ').collect();
        let number = |field: usize| fields.get(field)?.parse::<u32>().ok();
        Some(Self {
            parent: number(PARENT)?,
            cpu_time: TICK * number(USER)?.saturating_add(number(SYSTEM)?),
        })
    }
}

fn directory(id: u32) -> PathBuf {
    PathBuf::from(format!("/proc/{id}"))
}
