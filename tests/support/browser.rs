//! A real Chromium without a window, driven over WebDriver (chromedriver).

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::agent::{client_within, eventually, free_address};
use super::daemon::Daemon;

/// A browser with a profile of its own; ends when dropped.
pub struct Browser {
    session: String,
    client: reqwest::Client,
    driver: SocketAddr,
    _daemon: Daemon,
    _folder: TempDir,
}

impl Browser {
    /// Starts one that prefers this language.
    pub async fn start(language: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let driver = free_address("127.0.0.1");
        let port = format!("--port={}", driver.port());
        let daemon = Daemon::start("chromedriver", "chromium-driver", &[&port], folder.path());
        // Starting a browser takes longer than anything else in the tests.
        let client = client_within(Duration::from_secs(60));
        let mut browser =
            Self { session: String::new(), client, driver, _daemon: daemon, _folder: folder };
        eventually("chromedriver is ready", async || {
            browser.ask("GET", "/status", Value::Null).await.is_some_and(|s| s["ready"] == true)
        })
        .await;
        let profile =
            format!("--user-data-dir={}", browser._folder.path().join("profile").display());
        let arguments = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--window-size=1280,900",
            &profile,
        ];
        let wanted = json!({ "capabilities": { "alwaysMatch": {
            "goog:loggingPrefs": { "browser": "ALL" },
            "goog:chromeOptions": {
                "args": arguments,
                "prefs": { "intl.accept_languages": language },
            },
        }}});
        let session = browser.ask("POST", "/session", wanted).await.expect("a session");
        browser.session = session["sessionId"].as_str().expect("a session").to_owned();
        browser
    }

    /// Opens a page and waits until it is loaded.
    pub async fn open(&self, url: &str) {
        self.command("POST", "/url", json!({ "url": url })).await;
    }

    /// Runs a script in the page (from outside of it, so its policy does not matter).
    pub async fn run(&self, script: &str) -> Value {
        self.command("POST", "/execute/sync", json!({ "script": script, "args": [] })).await
    }

    /// The text of the page as it is seen.
    pub async fn text(&self) -> String {
        let text = self.run("return document.body.innerText").await;
        text.as_str().unwrap_or_default().to_owned()
    }

    /// What the console has said since the last time: violations, errors, everything.
    pub async fn console(&self) -> Vec<String> {
        let entries = self.command("POST", "/se/log", json!({ "type": "browser" })).await;
        let words = |entry: &Value| format!("{} {}", entry["level"], entry["message"]);
        entries.as_array().unwrap().iter().map(words).collect()
    }

    /// Runs a script in every page opened from now on, before its own.
    #[allow(dead_code, reason = "not every test changes what a browser can")]
    pub async fn run_first(&self, script: &str) {
        let parameters = json!({ "source": script });
        let order = json!({ "cmd": "Page.addScriptToEvaluateOnNewDocument", "params": parameters });
        self.command("POST", "/goog/cdp/execute", order).await;
    }

    /// Lays the page out as on a screen of this size.
    pub async fn resize(&self, width: u32, height: u32) {
        let screen = json!({
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false,
        });
        let order = json!({ "cmd": "Emulation.setDeviceMetricsOverride", "params": screen });
        self.command("POST", "/goog/cdp/execute", order).await;
    }

    async fn command(&self, method: &str, path: &str, body: Value) -> Value {
        let path = format!("/session/{}{path}", self.session);
        self.ask(method, &path, body).await.unwrap_or_else(|| panic!("{path}: no answer"))
    }

    /// The `value` of an answer; `None` without one. An error of the browser is the test's.
    async fn ask(&self, method: &str, path: &str, body: Value) -> Option<Value> {
        let url = format!("http://{}{path}", self.driver);
        let request = match method {
            "GET" => self.client.get(url),
            _ => self.client.post(url).header("content-type", "application/json"),
        };
        let request = if body.is_null() { request } else { request.body(body.to_string()) };
        let answer = request.send().await.ok()?;
        let is_well = answer.status().is_success();
        let text = answer.text().await.ok()?;
        assert!(is_well, "{path}: {text}");
        let mut answer: Value = serde_json::from_str(&text).ok()?;
        Some(answer["value"].take())
    }
}

impl Drop for Browser {
    /// Ending the session ends the browser; ending chromedriver alone would leave it behind.
    fn drop(&mut self) {
        let Ok(mut stream) = TcpStream::connect(self.driver) else { return };
        let request = format!(
            "DELETE /session/{} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n",
            self.session, self.driver
        );
        let _ = stream.set_read_timeout(Some(Duration::from_secs(10)));
        let _ = stream.write_all(request.as_bytes());
        let _ = stream.read(&mut [0; 1024]);
    }
}
