//! The address of a workspace: encrypted, or on this machine.

use std::net::IpAddr;

/// Returns the address without a final slash, or what is wrong with it. The reason never holds the
/// address itself, which may come from a variable.
pub(super) fn check_host(address: &str) -> Result<String, &'static str> {
    let address = address.trim();
    let (encrypted, rest) = if let Some(rest) = address.strip_prefix("https://") {
        (true, rest)
    } else if let Some(rest) = address.strip_prefix("http://") {
        (false, rest)
    } else {
        return Err("has to begin with `https://`");
    };
    if rest.contains('@') {
        return Err("holds a user or password");
    }
    let rest = rest.trim_end_matches('/');
    if rest.is_empty() || rest.contains(['/', '?', '#', '\\']) || rest.contains(char::is_whitespace)
    {
        return Err("has to be a scheme and a name, and nothing else");
    }
    if !encrypted && !is_loopback(rest) {
        return Err(
            "is plain `http://` to another machine, which would show the token to the network",
        );
    }
    Ok(address.trim_end_matches('/').to_owned())
}

fn is_loopback(host_and_port: &str) -> bool {
    if let Some(rest) = host_and_port.strip_prefix('[') {
        let Some((address, port)) = rest.split_once(']') else {
            return false;
        };
        return is_port(port) && address.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    }
    let (host, port) = match host_and_port.find(':') {
        Some(at) => host_and_port.split_at(at),
        None => (host_and_port, ""),
    };
    let local = host.eq_ignore_ascii_case("localhost")
        || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    local && is_port(port)
}

fn is_port(text: &str) -> bool {
    text.is_empty()
        || text
            .strip_prefix(':')
            .is_some_and(|port| port.parse::<u16>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_stays_on_this_machine() {
        for address in [
            "https://adb-1.azuredatabricks.net/",
            "http://127.0.0.1:8080",
            "http://localhost",
            "http://[::1]:9",
        ] {
            assert_eq!(
                check_host(address).as_deref(),
                Ok(address.trim_end_matches('/'))
            );
        }
        for address in [
            "adb-1.azuredatabricks.net",
            "http://example.com",
            "http://127.0.0.1.example.com",
            "http://localhost@example.com",
            "http://localhost:80@example.com",
            "http://localhost:x",
            "http://[::1]x",
            "https://",
            "https://a/b",
            "https://a b",
            "ftp://a",
        ] {
            assert!(check_host(address).is_err(), "{address}");
        }
    }
}
