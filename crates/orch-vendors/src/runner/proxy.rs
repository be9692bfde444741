//! The way out of a run on this host: its proxy, as the run's companion.

use std::path::{Path, PathBuf};

use orch_egress::{Access, CONFIG_FILE, Listen, Wire, write_config};
use orch_ports::agent::{ModelAccess, ModelWire};
use orch_ports::runner::Metered;
use orch_rules::attempt::Usage;
use orch_rules::ids::Timestamp;
use orch_run::Companion;

/// The socket of a run's proxy, below the run's directory.
const SOCKET: &str = "egress.sock";

/// What runs may reach, and which program is their proxy.
#[derive(Debug, Clone)]
pub struct Proxies {
    /// Models and hosts.
    pub access: Access,
    /// Run as `program egress <config>`.
    pub program: PathBuf,
}

impl Proxies {
    /// The companion of a run with this directory. `private_network`: the run has a network of its own and reaches a
    /// socket only; otherwise it is a port of 127.0.0.1.
    ///
    /// # Errors
    /// In words: the model has no key here, or speaks another wire.
    pub fn companion(
        &self,
        model: Option<&ModelAccess>,
        run_directory: &Path,
        private_network: bool,
    ) -> Result<Companion, String> {
        let key = orch_egress::fresh_run_key()?;
        // What cannot be written later is told before anything is made.
        self.config(model, private_network, &key, run_directory)?;
        let config = run_directory.join(CONFIG_FILE);
        let argv = [self.program.display().to_string(), "egress".to_owned(), config.display().to_string()];
        Ok(Companion {
            argv: argv.to_vec(),
            env: Default::default(),
            socket: private_network.then(|| SOCKET.into()),
            key,
        })
    }

    /// Whether the key of a model is there and can be read.
    ///
    /// # Errors
    /// In words, with what to do.
    pub fn holds(&self, model: &str) -> Result<(), String> {
        self.access.holds(model)
    }

    fn config(
        &self,
        model: Option<&ModelAccess>,
        private_network: bool,
        key: &str,
        run_directory: &Path,
    ) -> Result<orch_egress::Config, String> {
        let model = model.map(|model| (model.credential.as_str(), wire(model.wire)));
        // Relative, for the proxy is started in the run's directory: an absolute path can be too long for an address.
        let listen = if private_network { Listen::Unix(SOCKET.into()) } else { Listen::Tcp };
        self.access.config_for(model, listen, key.to_owned(), run_directory)
    }

    /// Writes what the companion of an ordered run reads, unless it is there. The key is that of the order.
    ///
    /// # Errors
    /// As [`Self::companion`], or the file cannot be written.
    pub fn prepare(
        &self,
        model: Option<&ModelAccess>,
        run_directory: &Path,
        companion: &Companion,
    ) -> Result<(), String> {
        if run_directory.join(CONFIG_FILE).exists() {
            return Ok(());
        }
        let config = self.config(model, companion.socket.is_some(), &companion.key, run_directory)?;
        write_config(run_directory, &config).map(drop)
    }
}

fn wire(wire: ModelWire) -> Wire {
    match wire {
        ModelWire::AnthropicMessages => Wire::AnthropicMessages,
        ModelWire::OpenAiResponses => Wire::OpenAiResponses,
    }
}

/// What the proxy of a run counted; `None` if it had none, or the count is lost. Tokens are unknown where an answer did
/// not tell them: what is too little is not a figure.
pub fn metered(run_directory: &Path) -> Option<Metered> {
    let counted = orch_egress::Metered::read(run_directory)?;
    let known = |tokens: u64| (counted.uncounted == 0).then_some(tokens);
    let usage = Usage {
        input_tokens: known(counted.input_tokens),
        cached_tokens: known(counted.cached_tokens),
        cache_creation_tokens: known(counted.cache_creation_tokens),
        output_tokens: known(counted.output_tokens),
        cost_micros: counted.cost_micros,
        at_least_micros: counted.cost_micros.is_none().then_some(counted.at_least_micros),
        model: counted.model,
        agent: None,
    };
    let unavailable = counted.unavailable.map(|why| {
        let until = why.until_ms.and_then(|ms| i64::try_from(ms).ok()).map(Timestamp);
        (until, why.reason)
    });
    let (unserved, budget_reached) = (counted.unserved, counted.budget_reached);
    let unknown_model = counted.unknown_model;
    Some(Metered { usage, requests: counted.requests, unavailable, unserved, unknown_model, budget_reached })
}

#[cfg(test)]
mod tests {
    use super::*;
    use orch_egress::Model;

    fn proxies() -> Proxies {
        let wire = Wire::AnthropicMessages;
        let model = Model {
            name: "anthropic".to_owned(),
            wire,
            base_url: wire.default_base_url().to_owned(),
            key_file: "/k".into(),
            ca_file: None,
            vendor_tools: false,
            budget: Default::default(),
            prices: Vec::new(),
        };
        let access = Access { models: [("anthropic".to_owned(), model)].into(), ..Access::default() };
        Proxies { access, program: "/bin/orch".into() }
    }

    fn asked(credential: &str) -> ModelAccess {
        ModelAccess { wire: ModelWire::AnthropicMessages, credential: credential.to_owned() }
    }

    #[test]
    fn the_order_and_the_configuration_name_the_same_key_and_no_argument_does() {
        let folder = tempfile::tempdir().unwrap();
        let (proxies, model) = (proxies(), asked("anthropic"));
        let companion = proxies.companion(Some(&model), folder.path(), true).unwrap();
        assert!(companion.key.len() >= 32 && !companion.argv.join(" ").contains(&companion.key));
        proxies.prepare(Some(&model), folder.path(), &companion).unwrap();
        let config = orch_egress::config::read_config(&folder.path().join(CONFIG_FILE)).unwrap();
        assert_eq!((config.run_key, config.listen), (companion.key, Listen::Unix(SOCKET.into())));
        // Ordered again, perhaps under another key: what stands there stays.
        let again = proxies.companion(Some(&model), folder.path(), true).unwrap();
        proxies.prepare(Some(&model), folder.path(), &again).unwrap();
        let still = orch_egress::config::read_config(&folder.path().join(CONFIG_FILE)).unwrap();
        assert_ne!(still.run_key, again.key);
    }

    #[test]
    fn a_model_without_a_key_is_told_with_the_setting() {
        let told = proxies().companion(Some(&asked("openai")), Path::new("/r"), false).unwrap_err();
        assert!(told.contains("models.openai.key_file"), "{told}");
        let wrong = ModelAccess { wire: ModelWire::OpenAiResponses, ..asked("anthropic") };
        assert!(proxies().companion(Some(&wrong), Path::new("/r"), false).unwrap_err().contains("wire"));
    }

    #[test]
    fn counts_that_are_too_small_are_unknown() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(metered(folder.path()), None);
        let mut counted = orch_egress::Metered { input_tokens: 5, cost_micros: Some(3), ..Default::default() };
        let write = |counted: &orch_egress::Metered| {
            let text = serde_json::to_string(counted).unwrap();
            std::fs::write(folder.path().join(orch_egress::METERED_FILE), text).unwrap();
        };
        write(&counted);
        assert_eq!(metered(folder.path()).unwrap().usage.input_tokens, Some(5));
        (counted.uncounted, counted.cost_micros, counted.at_least_micros) = (1, None, 70);
        write(&counted);
        let usage = metered(folder.path()).unwrap().usage;
        assert_eq!((usage.input_tokens, usage.cost_micros, usage.at_least_micros), (None, None, Some(70)));
    }
}
