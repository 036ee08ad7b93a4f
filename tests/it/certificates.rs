//! TLS with authorities of the test's own: what is trusted, what is not, and proxies on the way.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::{ServerConfig, crypto};

use crate::lakehouse::Lakehouse;
use crate::program::Ran;

/// A workspace that is not on this machine, but for a proxy that says so.
const REMOTE: &str = "adb-1.2.azuredatabricks.net";

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority(name: &str) -> Authority {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, name);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A server's certificate: for whom, and whether its time is over.
fn acceptor(authority: &Authority, name: &str, is_expired: bool) -> TlsAcceptor {
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.not_before = date_time_ymd(2001, 1, 1);
    if is_expired {
        params.not_after = date_time_ymd(2002, 1, 1);
    }
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, authority).unwrap();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let provider = Arc::new(crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

/// Speaks TLS on loopback and passes on what it hears; as a proxy it is asked to connect first.
struct Front {
    address: SocketAddr,
    /// What a proxy was asked for, and `trusted` for each connection that came about.
    heard: Arc<Mutex<Vec<String>>>,
    _runtime: Runtime,
}

impl Front {
    fn start(lake: &Lakehouse, acceptor: TlsAcceptor, is_proxy: bool) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let (target, sink) = (lake.address(), Arc::clone(&heard));
        drop(runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, sink) = (acceptor.clone(), Arc::clone(&sink));
                drop(tokio::spawn(async move {
                    // A client that does not trust us hangs up: that is no error of this server.
                    drop(pass_on(stream, acceptor, target, is_proxy, sink).await);
                }));
            }
        }));
        Self {
            address,
            heard,
            _runtime: runtime,
        }
    }

    fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }
}

async fn pass_on(
    mut stream: TcpStream,
    acceptor: TlsAcceptor,
    target: SocketAddr,
    is_proxy: bool,
    heard: Arc<Mutex<Vec<String>>>,
) -> std::io::Result<()> {
    if is_proxy {
        let mut asked = Vec::new();
        while !asked.ends_with(b"\r\n\r\n") {
            asked.push(stream.read_u8().await?);
        }
        let asked = String::from_utf8_lossy(&asked).into_owned();
        let line = asked.lines().next().unwrap_or_default().to_owned();
        heard.lock().unwrap().push(line);
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
    }
    let mut trusted = acceptor.accept(stream).await?;
    heard.lock().unwrap().push("trusted".to_owned());
    let mut behind = TcpStream::connect(target).await?;
    copy_bidirectional(&mut trusted, &mut behind).await?;
    Ok(())
}

/// Keeps an authority's certificate in a file of the project.
fn file_of(lake: &Lakehouse, authority: &Authority, name: &str) -> PathBuf {
    let path = lake.path().join(name);
    fs::write(&path, authority.pem()).unwrap();
    path
}

/// Runs a command against a host, with the authorities of one file.
fn run(lake: &Lakehouse, args: &str, host: &str, trusted: &Path) -> Ran {
    let variables = [
        ("DATABRICKS_HOST", host),
        ("SSL_CERT_FILE", trusted.to_str().unwrap()),
    ];
    lake.run_with(args, &variables)
}

/// What `doctor` says of the workspace.
fn said(ran: &Ran) -> String {
    let document = ran.json();
    let checks = document["checks"].as_array().unwrap();
    let check = checks.iter().find(|check| check["name"] == "workspace");
    check.unwrap().to_string()
}

#[test]
fn fault_23_only_a_certificate_of_a_trusted_authority_for_the_host_and_in_time_is_taken() {
    let lake = Lakehouse::built();
    lake.arrive(2);
    let (ours, theirs) = (authority("ours"), authority("theirs"));
    let trusted = file_of(&lake, &ours, "ours.pem");
    let cases = [
        (&theirs, "localhost", false, "UnknownIssuer"),
        (&ours, "localhost", true, "certificate expired"),
        (&ours, "elsewhere.example", false, "not valid for name"),
    ];
    let runs = lake.runs();
    for (authority, name, is_expired, cause) in cases {
        let front = Front::start(&lake, acceptor(authority, name, is_expired), false);
        let host = format!("https://localhost:{}", front.address.port());
        let ran = run(&lake, "doctor -o json", &host, &trusted);
        assert_eq!(ran.exit, 5, "{ran:?}");
        let said = said(&ran);
        assert!(said.contains("W001") && said.contains(cause), "{said}");
        assert!(said.contains("never accepted unchecked"), "{said}");
        if is_expired {
            let ran = run(&lake, "reconcile", &host, &trusted);
            assert_eq!(ran.exit, 5, "{ran:?}");
            assert!(ran.stderr.contains(cause), "{ran:?}");
            assert!(ran.stderr.contains("SSL_CERT_FILE"), "{ran:?}");
        }
        assert_eq!(front.heard(), Vec::<String>::new(), "it was trusted");
    }
    assert_eq!(lake.runs(), runs);
    // With a good certificate the same host is spoken to.
    let front = Front::start(&lake, acceptor(&ours, "localhost", false), false);
    let host = format!("https://localhost:{}", front.address.port());
    let ran = run(&lake, "reconcile --wait --timeout 60s", &host, &trusted);
    assert_eq!(ran.exit, 0, "{ran:?}");
    assert!(!front.heard().is_empty());
    lake.assert_sound();
}

#[test]
fn fault_23_24_a_proxy_that_opens_tls_is_refused_unless_its_authority_is_named() {
    let lake = Lakehouse::built();
    lake.arrive(2);
    let (company, other) = (authority("company"), authority("other"));
    let proxy = Front::start(&lake, acceptor(&company, REMOTE, false), true);
    let address = format!("http://{}", proxy.address);
    let host = format!("https://{REMOTE}");
    let variables = |trusted: &Path| {
        [
            ("DATABRICKS_HOST", host.clone()),
            ("HTTPS_PROXY", address.clone()),
            ("SSL_CERT_FILE", trusted.display().to_string()),
        ]
    };
    let run = |args: &str, trusted: &Path| {
        let mut command = lake.command(args);
        Ran::of(command.envs(variables(trusted)).output().unwrap())
    };
    let ran = run("doctor -o json", &file_of(&lake, &other, "other.pem"));
    assert_eq!(ran.exit, 5, "{ran:?}");
    assert!(said(&ran).contains("UnknownIssuer"), "{ran:?}");
    let asked = format!("CONNECT {REMOTE}:443 HTTP/1.1");
    assert!(proxy.heard().iter().all(|heard| *heard == asked));
    assert!(!proxy.heard().is_empty(), "the proxy was not asked");

    let company = file_of(&lake, &company, "company.pem");
    let ran = run("reconcile --wait --timeout 60s", &company);
    assert_eq!(ran.exit, 0, "{ran:?}");
    assert!(proxy.heard().iter().any(|heard| heard == "trusted"));
    lake.assert_sound();
}

#[test]
fn fault_24_a_proxy_that_is_not_there_is_told_and_never_asked_for_loopback() {
    let lake = Lakehouse::built();
    lake.arrive(2);
    let nowhere = ("HTTPS_PROXY", "http://127.0.0.1:1");
    let host = format!("https://{REMOTE}");
    let ran = lake.run_with("doctor -o json", &[nowhere, ("DATABRICKS_HOST", &host)]);
    assert_eq!(ran.exit, 5, "{ran:?}");
    let said = said(&ran);
    assert!(said.contains("no connection could be made"), "{said}");
    assert!(said.contains("`HTTPS_PROXY`"), "{said}");
    let everywhere = ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "HTTPS_PROXY"];
    let variables = everywhere.map(|name| (name, "http://127.0.0.1:1"));
    let ran = lake.run_with("reconcile --wait --timeout 60s", &variables);
    assert_eq!(ran.exit, 0, "{ran:?}");
    lake.assert_sound();
}

#[test]
fn fault_24_a_host_that_nobody_knows_is_exit_5_with_what_to_look_at() {
    let lake = Lakehouse::built();
    lake.arrive(1);
    let host = format!("https://{}.example", "a".repeat(64));
    let ran = lake.run_with("reconcile", &[("DATABRICKS_HOST", &host)]);
    assert_eq!(ran.exit, 5, "{ran:?}");
    let told = "no answer, the host name cannot be resolved";
    assert!(ran.stderr.contains(told), "{ran:?}");
    let ran = lake.run_with("doctor -o json", &[("DATABRICKS_HOST", &host)]);
    assert!(said(&ran).contains("spelling"), "{ran:?}");
    lake.settle();
    lake.assert_sound();
}
