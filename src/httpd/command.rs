//! Configuration commands.

use super::log::Level;
use super::server::Server;
use crate::apr::Pool;
use crate::apr::pool::{c_path, c_string, text_from};
use crate::sys;
use std::ffi::{CStr, OsStr, c_void};
use std::marker::PhantomData;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::ptr::NonNull;

/// Where a directive may stand; the bits of httpd's `req_override`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Context {
    /// Only in the main server (checked by the handler as well).
    Global,
    /// Main server and `<VirtualHost>`.
    Server,
    /// As `Server`. httpd would let it stand in directory sections as well: the
    /// handler says what is wrong with that.
    ServerExplained,
    /// As `Server`, and `<Proxy>` and `<ProxyMatch>` sections.
    Proxy,
    /// Everywhere; in `.htaccess` with `AllowOverride Options`.
    Options,
    /// Directory-type sections; in `.htaccess` with `AllowOverride AuthConfig`.
    Directory,
    /// Everywhere; in `.htaccess` with `AllowOverride AuthConfig`.
    AuthConfig,
    /// Everywhere, in `.htaccess` with any `AllowOverride`.
    Anywhere,
}

impl Context {
    /// The bits for httpd.
    #[must_use]
    pub const fn bits(self) -> i32 {
        (match self {
            Self::Global | Self::Server => sys::RSRC_CONF,
            Self::ServerExplained => sys::OR_AUTHCFG | sys::RSRC_CONF,
            Self::Proxy => sys::RSRC_CONF | sys::PROXY_CONF,
            Self::Options => sys::OR_OPTIONS | sys::RSRC_CONF,
            Self::Directory => sys::OR_AUTHCFG,
            Self::AuthConfig => sys::OR_AUTHCFG | sys::RSRC_CONF,
            Self::Anywhere => sys::OR_ALL,
        }) as i32
    }

    /// For the documentation.
    #[must_use]
    pub const fn describe(self) -> &'static str {
        match self {
            Self::Global => "server config",
            Self::Server | Self::ServerExplained => "server config, virtual host",
            Self::Proxy => "server config, virtual host, proxy section",
            Self::Options => "server config, virtual host, directory, .htaccess (Options)",
            Self::Directory => "directory, .htaccess (AuthConfig)",
            Self::AuthConfig => "server config, virtual host, directory, .htaccess (AuthConfig)",
            Self::Anywhere => "server config, virtual host, directory, .htaccess",
        }
    }
}

/// What a directive takes; httpd counts the arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arity {
    /// `on` or `off`.
    Flag,
    /// One word.
    One,
    /// Two words.
    Two,
    /// One or two words.
    OneOrTwo,
    /// Two or three words.
    TwoOrThree,
    /// The rest of the line.
    Raw,
}

/// The arguments of one line.
#[derive(Clone, Copy, Debug)]
pub enum Args<'a> {
    /// Of a flag.
    Flag(bool),
    /// Words; those not given are empty.
    Words(&'a [Option<&'a CStr>]),
    /// The rest of the line.
    Raw(&'a CStr),
}

impl<'a> Args<'a> {
    /// Word `index`, when it was given.
    #[must_use]
    pub fn word(self, index: usize) -> Option<&'a CStr> {
        match self {
            Self::Words(words) => words.get(index).copied().flatten(),
            Self::Raw(_) | Self::Flag(_) => None,
        }
    }

    /// Word `index` as text; what is not UTF-8 is replaced, and matches no word.
    #[must_use]
    pub fn text(self, index: usize) -> String {
        self.word(index).map(|word| word.to_string_lossy().into_owned()).unwrap_or_default()
    }

    /// The rest of the line as text.
    #[must_use]
    pub fn line(self) -> String {
        match self {
            Self::Raw(line) => line.to_string_lossy().into_owned(),
            Self::Words(_) | Self::Flag(_) => String::new(),
        }
    }

    /// The value of a flag.
    #[must_use]
    pub fn is_on(self) -> bool {
        matches!(self, Self::Flag(true))
    }
}

/// The place a line of the configuration stands in.
#[derive(Clone, Copy)]
pub struct Parms<'p> {
    raw: NonNull<sys::cmd_parms>,
    life: PhantomData<&'p ()>,
}

impl<'p> Parms<'p> {
    /// # Safety
    /// `raw` is NULL or what httpd passed to a command handler.
    #[must_use]
    pub unsafe fn from_raw(raw: *mut sys::cmd_parms) -> Option<Self> {
        Some(Self { raw: NonNull::new(raw)?, life: PhantomData })
    }

    fn rec(self) -> &'p sys::cmd_parms {
        // SAFETY: lives during the call of the handler.
        unsafe { &*self.raw.as_ptr() }
    }

    /// The server whose section it is.
    #[must_use]
    pub fn server(self) -> Server<'p> {
        // SAFETY: httpd sets the server for every command.
        match unsafe { Server::from_raw(self.rec().server) } {
            Some(server) => server,
            None => unreachable!("httpd gives every command a server"),
        }
    }

    /// The configuration pool.
    #[must_use]
    pub fn pool(self) -> Pool<'p> {
        // SAFETY: httpd sets the pool for every command.
        match unsafe { Pool::from_raw(self.rec().pool) } {
            Some(pool) => pool,
            None => unreachable!("httpd gives every command a pool"),
        }
    }

    /// A pool for the time of the configuration pass.
    #[must_use]
    pub fn temporary_pool(self) -> Pool<'p> {
        // SAFETY: httpd sets the pool for every command.
        unsafe { Pool::from_raw(self.rec().temp_pool) }.unwrap_or_else(|| self.pool())
    }

    /// The parameters for a call into httpd.
    #[must_use]
    pub fn as_ptr(self) -> *mut sys::cmd_parms {
        self.raw.as_ptr()
    }

    /// Whether the line stands in a `.htaccess` file: only there the
    /// configuration does not outlive its reading in another pool.
    #[must_use]
    pub fn is_htaccess(self) -> bool {
        self.rec().pool == self.rec().temp_pool
    }

    /// `cmd_data` of the command.
    #[must_use]
    pub fn info(self) -> *mut c_void {
        self.rec().info
    }

    /// httpd's complaint when the line stands in a `<VirtualHost>`.
    #[must_use]
    pub fn refuse_virtual_host(self) -> Option<&'p CStr> {
        // SAFETY: the parameters are alive.
        let complaint = unsafe { sys::ap_check_cmd_context(self.raw.as_ptr(), sys::SHIM_GLOBAL_ONLY) };
        // SAFETY: lives in the configuration pool.
        unsafe { text_from(complaint) }
    }

    /// httpd's complaint when the line stands in a directory-type section or a
    /// `.htaccess` file.
    #[must_use]
    pub fn refuse_directory(self) -> Option<String> {
        let forbidden = sys::SHIM_NOT_IN_DIRECTORY;
        // SAFETY: the parameters are alive.
        let complaint = unsafe { sys::ap_check_cmd_context(self.raw.as_ptr(), forbidden) };
        // SAFETY: lives in the configuration pool.
        unsafe { text_from(complaint) }.map(|complaint| complaint.to_string_lossy().into_owned())
    }

    /// Whether the line stands in a directory-type section or a `.htaccess` file.
    #[must_use]
    pub fn is_directory(self) -> bool {
        !self.rec().path.is_null()
    }

    /// The name of the directive as the line has it.
    #[must_use]
    pub fn name_as_written(self) -> &'p CStr {
        // SAFETY: httpd sets the directive of every command that it runs.
        let Some(directive) = (unsafe { self.rec().directive.as_ref() }) else { return c"" };
        // SAFETY: lives in the configuration pool.
        unsafe { text_from(directive.directive) }.unwrap_or_default()
    }

    /// Where the line stands: `line 3 of /etc/apache2/apache2.conf`.
    #[must_use]
    pub fn place(self) -> String {
        // SAFETY: httpd sets the directive of every command that it runs.
        let Some(directive) = (unsafe { self.rec().directive.as_ref() }) else { return String::new() };
        // SAFETY: lives in the configuration pool.
        let file = unsafe { text_from(directive.filename) }.unwrap_or_default();
        format!("line {} of {}", directive.line_num, file.to_string_lossy())
    }

    /// The section that the line stands in, and where that begins:
    /// `<Proxy "https://a.test/"> (/etc/apache2/apache2.conf:3)`.
    #[must_use]
    pub fn section(self) -> String {
        // SAFETY: httpd sets the directive of every command that it runs.
        let Some(directive) = (unsafe { self.rec().directive.as_ref() }) else { return String::new() };
        // SAFETY: the tree of the configuration lives in its pool; the parent is a section, or NULL.
        let Some(section) = (unsafe { directive.parent.as_ref() }) else { return String::new() };
        let [name, arguments, file] = [section.directive, section.args, section.filename].map(|text| {
            // SAFETY: lives in the configuration pool, or is NULL.
            unsafe { text_from(text) }.unwrap_or_default().to_string_lossy()
        });
        format!("{name} {}> ({file}:{})", arguments.trim_end_matches('>'), section.line_num)
    }

    /// Sets the level of this module's messages about the server
    /// (`LogLevel ssl:...`).
    pub fn set_log_level(self, level: Level) {
        let (pool, log) = (self.pool().as_ptr(), self.server().log_config());
        // SAFETY: the server's own log configuration, while the configuration is read.
        unsafe { sys::ap_set_module_loglevel(pool, log, super::log::module_index(), level as i32) };
    }

    /// Runs a line of the directive `Mutex`; its complaint, if there is one.
    #[must_use]
    pub fn set_mutex(self, arguments: &str) -> Option<String> {
        let arguments = self.pool().text(c_string(arguments).to_bytes());
        // SAFETY: the parameters are those of a line that is being read; the text lives as long as them.
        let complaint =
            unsafe { sys::ap_set_mutex(self.raw.as_ptr(), std::ptr::null_mut(), arguments.as_ptr()) };
        // SAFETY: lives in the configuration pool.
        unsafe { text_from(complaint) }.map(|complaint| complaint.to_string_lossy().into_owned())
    }

    /// A path relative to `ServerRoot` made absolute.
    #[must_use]
    pub fn server_root_relative(self, path: &CStr) -> Option<PathBuf> {
        // SAFETY: pool and path are alive.
        let full = unsafe { sys::ap_server_root_relative(self.pool().as_ptr(), path.as_ptr()) };
        // SAFETY: lives in the configuration pool.
        let full = unsafe { text_from(full) }?;
        Some(PathBuf::from(OsStr::from_bytes(full.to_bytes())))
    }
}

/// Whether httpd only prints its configuration (`-S`, `-M`, ...).
#[must_use]
pub fn is_config_dump() -> bool {
    // SAFETY: reads a state.
    unsafe { sys::ap_state_query(sys::AP_SQ_RUN_MODE as i32) == sys::AP_SQ_RM_CONFIG_DUMP as i32 }
}

/// Whether this is the very first of the two configuration passes of a start.
#[must_use]
pub fn is_first_pass() -> bool {
    // SAFETY: reads a state.
    unsafe { sys::ap_state_query(sys::AP_SQ_MAIN_STATE as i32) == sys::AP_SQ_MS_CREATE_PRE_CONFIG as i32 }
}

/// A path as C text in a pool.
#[must_use]
pub fn path_text<'p>(pool: Pool<'p>, path: &Path) -> &'p CStr {
    pool.text(c_path(path).to_bytes())
}

/// The words of the rest of a line, split as httpd does it (`ap_getword_conf`).
#[must_use]
pub fn words(parms: Parms<'_>, args: Args<'_>) -> Vec<String> {
    words_as_written(parms, args).into_iter().map(|word| word.to_string_lossy().into_owned()).collect()
}

/// As [`words`]; names of files need not be UTF-8.
#[must_use]
pub fn words_as_written<'p>(parms: Parms<'p>, args: Args<'_>) -> Vec<&'p CStr> {
    let Args::Raw(line) = args else { return Vec::new() };
    let mut rest = line.as_ptr();
    let mut words = Vec::new();
    loop {
        // SAFETY: `rest` stays inside the C string of the line, which ap_getword_conf only advances in.
        if unsafe { *rest } == 0 {
            return words;
        }
        // SAFETY: as above; the pool is alive.
        let word = unsafe { sys::ap_getword_conf(parms.temporary_pool().as_ptr(), &raw mut rest) };
        // SAFETY: lives in the pool.
        words.push(unsafe { text_from(word) }.unwrap_or_default());
    }
}
