//! What a host lets its runs reach: from settings to the configuration of one proxy.

use std::collections::BTreeMap;
use std::path::Path;

use crate::config::{Config, Limits, Listen, Model, Wire};
use crate::credential::Credential;
use crate::outer::OuterProxy;

/// All models and hosts that runs may reach. A run gets one model of them, or none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Access {
    /// By their names in the settings. Those without a key are not among them.
    pub models: BTreeMap<String, Model>,
    /// Names that CONNECT reaches.
    pub allow: Vec<String>,
    /// Hosts and addresses of the own network.
    pub allow_inside: Vec<String>,
    /// The proxy of the network.
    pub proxy: Option<OuterProxy>,
    /// Bounds of each proxy.
    pub limits: Limits,
}

impl Access {
    /// Whether the key of a model is there and can be used.
    ///
    /// # Errors
    /// In words: what is wrong with it, and what to do. Never a part of it.
    pub fn holds(&self, name: &str) -> Result<(), String> {
        let model = self.named(name)?;
        Credential::read(name, &model.key_file, model.wire).map(drop)
    }

    fn named(&self, name: &str) -> Result<&Model, String> {
        self.models.get(name).ok_or_else(|| {
            format!("the model `{name}` has no key: name the file that holds it in models.{name}.key_file")
        })
    }

    /// The configuration of one run's proxy. `model`: name in the settings and the wire its agent speaks.
    ///
    /// # Errors
    /// In words, with the setting to change: the model has no key here, or speaks another wire.
    pub fn config_for(
        &self,
        model: Option<(&str, Wire)>,
        listen: Listen,
        run_key: String,
        run_directory: &Path,
    ) -> Result<Config, String> {
        let model = match model {
            None => None,
            Some((name, wire)) => {
                let model = self.named(name)?;
                if model.wire != wire {
                    return Err(format!("models.{name}.wire is not the one this agent speaks"));
                }
                Some(model.clone())
            }
        };
        Ok(Config {
            listen,
            run_key,
            model,
            allow: self.allow.clone(),
            allow_inside: self.allow_inside.clone(),
            proxy: self.proxy.clone(),
            limits: self.limits.clone(),
            run_directory: run_directory.to_owned(),
        })
    }
}
