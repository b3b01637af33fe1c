// SPDX-License-Identifier: GPL-2.0

//! `aloop-stress`: see [`aloop_test::stress`].

fn main() -> std::process::ExitCode {
    aloop_test::stress::main()
}
