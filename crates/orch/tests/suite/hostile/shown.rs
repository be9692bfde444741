//! What people and programs are shown of what an agent printed.
