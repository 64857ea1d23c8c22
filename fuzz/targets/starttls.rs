//! Servers that are asked for STARTTLS: the first byte picks the protocol, the rest is what the server says,
//! a part after each word of ours (parts end with 0x1e), until it hangs up. Over a real connection.

#![no_main]

use std::cell::RefCell;
use std::path::Path;
use std::time::Duration;

use portwarden::net::Net;
use portwarden::plan::{Plan, ThisMachine, parse};
use portwarden::probe::tls::starttls::PROTOCOLS;
use portwarden::probe::{Check, run};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};

struct Stage {
    runtime: Runtime,
    listener: TcpListener,
    plan: Plan,
    net: Net,
}

thread_local! {
    static STAGE: RefCell<Option<Stage>> = const { RefCell::new(None) };
}

impl Stage {
    fn set() -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        let listener = runtime.block_on(TcpListener::bind("127.53.253.2:0")).expect("a listener");
        let address = listener.local_addr().expect("an address");
        let checks: String = PROTOCOLS
            .iter()
            .map(|name| {
                format!(
                    "[[tls]]\nname = \"{name}\"\naddress = \"{address}\"\nstarttls = \"{name}\"\n"
                )
            })
            .collect();
        let text = format!("[defaults]\ntimeout = \"2s\"\n{checks}");
        let plan = parse(&text, Path::new("probes.toml"), Path::new("/"), &ThisMachine);
        let plan = plan.unwrap_or_else(|mistakes| panic!("{mistakes}"));
        let net = Net::new(Some(([127, 53, 253, 254], 9).into())).expect("a net");
        Self { runtime, listener, plan, net }
    }

    fn play(&self, check: &Check, words: &[u8]) {
        self.runtime.block_on(async {
            let serve = async {
                // It is asked once more by who cannot make sense of it.
                while let Ok((mut stream, _)) = self.listener.accept().await {
                    let mut heard = [0; 4096];
                    for (turn, part) in words.split(|&byte| byte == 0x1e).enumerate() {
                        if turn > 0 {
                            let _ = stream.read(&mut heard).await;
                        }
                        let _ = stream.write_all(part).await;
                    }
                    let _ = stream.shutdown().await;
                    while let Ok(1..) = stream.read(&mut heard).await {}
                }
            };
            let probe = tokio::time::timeout(Duration::from_secs(5), run(check, &self.net));
            tokio::select! {
                () = serve => unreachable!("the listener stays"),
                observation = probe => {
                    observation.expect("a probe ends within its timeout");
                }
            }
        });
    }
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some((&pick, words)) = bytes.split_first() else { return };
    STAGE.with_borrow_mut(|stage| {
        let stage = stage.get_or_insert_with(Stage::set);
        stage.play(&stage.plan.checks[usize::from(pick) % PROTOCOLS.len()], words);
    });
});
