//! How the codes are written down: a function for each, and a table of their names and arguments. A code once released keeps
//! its meaning; its sentences stand with the texts.

use super::{Arg, Reason};

/// What may be given as an argument of each form.
#[allow(non_snake_case, reason = "a module of traits that are named like the forms")]
pub(super) mod take {
    use super::{Arg, Reason};

    macro_rules! words {
        ($($form:ident)+) => {$(
            pub trait $form {
                fn arg(self) -> Arg;
            }
            impl<T: ToString> $form for T {
                fn arg(self) -> Arg {
                    Arg::$form(self.to_string())
                }
            }
        )+};
    }
    words!(Text Id Quote);

    pub trait Number {
        fn arg(self) -> Arg;
    }
    impl<T: TryInto<i64>> Number for T {
        fn arg(self) -> Arg {
            Arg::Number(self.try_into().unwrap_or(i64::MAX))
        }
    }

    pub trait Reasons {
        fn arg(self) -> Arg;
    }
    impl Reasons for Vec<Reason> {
        fn arg(self) -> Arg {
            Arg::Reasons(self)
        }
    }
    impl Reasons for Reason {
        fn arg(self) -> Arg {
            Arg::Reasons(vec![self])
        }
    }
}

macro_rules! codes {
    ($all:ident; $($(#[doc = $doc:literal])+ $name:ident($($arg:ident: $form:ident),*);)+) => {
        $(
            $(#[doc = $doc])+
            pub fn $name($($arg: impl take::$form),*) -> Reason {
                Reason::of(stringify!($name))$(.with(stringify!($arg), take::$form::arg($arg)))*
            }
        )+

        /// Those of this file.
        pub(super) const $all: &[Code] = &[
            $(Code { name: stringify!($name), args: &[$((stringify!($arg), ArgKind::$form)),*] }),+
        ];
    };
}

pub(super) use codes;
