//! What agent programs read in a repository besides their prompt: settings, hooks, servers, memories, skills, commands.
//!
//! One list for each program. Whoever is judged must not write what its judge reads: these files are protected in every
//! repository, judges get them as the base branch has them, and no agent is started with those of the branch.

/// A program, and its files in a repository.
#[derive(Debug, Clone, Copy)]
pub struct Reads {
    /// The program.
    pub program: &'static str,
    /// Patterns ([`crate::path_pattern`]) of everything it reads by itself.
    pub files: &'static [&'static str],
    /// Of these: texts for people and agents, at the top of the repository. What an agent of ours is told of a repository's
    /// rules comes from here, as the base branch has it.
    pub memories: &'static [&'static str],
}

/// Every program whose files are known.
pub const READS: &[Reads] = &[
    Reads {
        program: "Claude Code",
        files: &[
            "**/.claude/**",
            "**/CLAUDE.md",
            "**/CLAUDE.local.md",
            "**/.mcp.json",
            ".claude.json",
            ".claude-plugin/**",
            ".worktreeinclude",
        ],
        memories: &["CLAUDE.md", ".claude/CLAUDE.md"],
    },
    Reads {
        program: "Codex",
        files: &["**/.codex/**", "**/.agents/**", "**/AGENTS.md", "**/AGENTS.override.md"],
        memories: &["AGENTS.md"],
    },
    Reads {
        program: "Gemini CLI",
        files: &["**/.gemini/**", "**/GEMINI.md", ".geminiignore"],
        memories: &["GEMINI.md"],
    },
    Reads { program: "Qwen Code", files: &["**/.qwen/**", "**/QWEN.md", ".qwenignore"], memories: &["QWEN.md"] },
    Reads {
        program: "OpenCode",
        files: &["**/.opencode/**", "**/opencode.json", "**/opencode.jsonc", ".opencode.json"],
        memories: &[],
    },
    Reads {
        program: "Copilot",
        files: &[
            ".github/copilot-instructions.md",
            ".github/instructions/**",
            ".github/prompts/**",
            ".github/agents/**",
            ".github/skills/**",
            ".github/hooks/**",
            ".copilot/**",
            ".vscode/mcp.json",
        ],
        memories: &[],
    },
    Reads { program: "Cursor", files: &["**/.cursor/**", "**/.cursorrules", ".cursorignore"], memories: &[] },
    Reads { program: "Windsurf", files: &["**/.windsurf/**", ".windsurfrules"], memories: &[] },
    Reads { program: "Cline", files: &["**/.cline/**", "**/.clinerules/**", ".clineignore"], memories: &[] },
    Reads { program: "Roo", files: &["**/.roo/**", ".roorules*", ".roomodes"], memories: &[] },
    Reads { program: "Aider", files: &[".aider*"], memories: &[] },
    Reads { program: "Goose", files: &["**/.goose/**", "**/.goosehints", ".gooseignore"], memories: &[] },
    Reads { program: "Amp", files: &["**/AGENT.md", ".amp/**"], memories: &[] },
    Reads { program: "Kiro", files: &["**/.kiro/**", ".amazonq/**"], memories: &[] },
    Reads { program: "Continue", files: &[".continue/**", ".continuerules"], memories: &[] },
    Reads { program: "Crush", files: &["crush.json", ".crush.json", ".crush/**", "CRUSH.md"], memories: &[] },
    Reads { program: "Junie", files: &[".junie/**"], memories: &[] },
    Reads { program: "Kimi", files: &[".kimi/**", "KIMI.md"], memories: &[] },
    Reads { program: "Mistral Vibe", files: &[".vibe/**"], memories: &[] },
    Reads { program: "OpenHands", files: &[".openhands/**", ".openhands_instructions"], memories: &[] },
    Reads { program: "Auggie", files: &[".augment/**", ".augment-guidelines"], memories: &[] },
    Reads { program: "Factory", files: &["**/.factory/**"], memories: &[] },
    Reads { program: "Zed", files: &[".rules"], memories: &[] },
    Reads { program: "OpenClaw", files: &["**/.openclaw/**"], memories: &[] },
    // Words of our own roles; see `.orch/agents`.
    Reads { program: "Orchestrion", files: &[".orch/**"], memories: &[] },
];

/// All patterns.
pub fn patterns() -> Vec<String> {
    READS.iter().flat_map(|reads| reads.files).map(|pattern| (*pattern).to_owned()).collect()
}

/// All memories, each once, in the order in which they are told.
pub fn memories() -> impl Iterator<Item = &'static str> {
    READS.iter().flat_map(|reads| reads.memories).copied()
}

/// What the same programs would read in a home of their own: the names that stand first in the patterns.
pub fn home_names() -> impl Iterator<Item = &'static str> {
    let patterns = READS.iter().flat_map(|reads| reads.files);
    let first = patterns.map(|pattern| pattern.trim_start_matches("**/").split('/').next().unwrap_or_default());
    first.filter(|name| name.starts_with('.') && !name.contains('*'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::path_pattern::any_matches;

    #[test]
    fn each_kind_of_file_is_in_the_list() {
        let patterns = patterns();
        for path in [
            ".claude/settings.json",
            ".claude/settings.local.json",
            ".claude/hooks/stop.sh",
            ".claude/agents/reviewer.md",
            ".claude/skills/review/SKILL.md",
            ".claude/commands/review.md",
            ".claude",
            "web/.claude/skills/x/SKILL.md",
            "CLAUDE.md",
            "src/deep/CLAUDE.md",
            "CLAUDE.local.md",
            ".mcp.json",
            "AGENTS.md",
            "src/AGENTS.override.md",
            ".codex/config.toml",
            ".agents/skills/x/SKILL.md",
            ".gemini/settings.json",
            "GEMINI.md",
            ".qwen/settings.json",
            "opencode.json",
            ".opencode/agent/reviewer.md",
            ".github/copilot-instructions.md",
            ".cursorrules",
            ".openclaw/agents/reviewer.md",
            ".orch/agents/reviewer.md",
        ] {
            assert!(any_matches(&patterns, path), "{path}");
        }
        for path in
            ["src/main.rs", "README.md", "docs/CLAUDE.txt", ".github/workflows/ci.yml", "claude/x", "tests/a.py"]
        {
            assert!(!any_matches(&patterns, path), "{path}");
        }
    }

    #[test]
    fn a_home_is_cleared_of_the_same_programs() {
        let names: Vec<_> = home_names().collect();
        assert!(names.contains(&".claude") && names.contains(&".agents") && names.contains(&".codex"));
        assert!(!names.contains(&"CLAUDE.md") && names.iter().all(|name| !name.contains('/')));
    }

    #[test]
    fn memories_are_among_the_files() {
        for memory in memories() {
            assert!(any_matches(&patterns(), memory), "{memory}");
        }
    }
}
