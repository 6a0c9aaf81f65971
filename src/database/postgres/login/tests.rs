mod environment;

use sqlx::postgres::PgSslMode;

use super::*;

/// Of nobody: its key was thrown away.
const CA: &str = "-----BEGIN CERTIFICATE-----
MIIBfDCCASGgAwIBAgIUaCNmK9thFPcWuHqEQnoebryPovgwCgYIKoZIzj0EAwIw
EjEQMA4GA1UEAwwHY2EudGVzdDAgFw0yNjExMjExODUzNTZaGA8yMTI2MTAyODE4
NTM1NlowEjEQMA4GA1UEAwwHY2EudGVzdDBZMBMGByqGSM49AgEGCCqGSM49AwEH
A0IABGK1nnf4H1kKuoVUhl06JBVS48T4s55+JDV98JpGS9MvEv0ck1OOgRBTd7pu
OwgQH4vyOis+K85siAqO7FHVPgqjUzBRMB0GA1UdDgQWBBTPeIiMxwQkF8iGQJR2
r5lZaN4cfjAfBgNVHSMEGDAWgBTPeIiMxwQkF8iGQJR2r5lZaN4cfjAPBgNVHRMB
Af8EBTADAQH/MAoGCCqGSM49BAMCA0kAMEYCIQDHxkx38+rZN4CswuX9ZdVygLkO
rZL6zJqPjJufGd+OOwIhALCDXaijUvQkJ9PHTiehcm+81k8GM5kjnUrCR/J8+tj6
-----END CERTIFICATE-----
";

const URL: &str = "postgresql://app:hunter2@db.team:5433/chats";

fn accepted(url: &str) -> PgConnectOptions {
    options(url, None).unwrap_or_else(|fault| panic!("{url}: {fault:?}")).connect
}

fn refused(url: &str, ca: Option<&str>) -> Fault {
    let fault = options(url, ca.map(str::as_bytes)).expect_err(url);
    let told = format!("{fault:?}");
    assert!(!told.contains("hunter2") && !told.contains("db.team"), "{told}");
    fault
}

fn with(parameters: &str) -> String {
    format!("{URL}?{parameters}")
}

fn mode(parameters: &str, ca: Option<&str>) -> Result<String, String> {
    options(&with(parameters), ca.map(str::as_bytes))
        .map(|options| format!("{:?}", options.connect.get_ssl_mode()))
        .map_err(|fault| fault.what)
}

#[test]
fn a_url_says_where_to_go_and_as_whom() {
    let options = accepted(URL);
    assert_eq!(
        (options.get_host(), options.get_port(), options.get_username(), options.get_database()),
        ("db.team", 5433, "app", Some("chats"))
    );
    assert!(format!("{options:?}").contains(r#"password: Some("hunter2")"#));
    assert_eq!(options.get_application_name(), Some("retention-operator"));
    let options = accepted("postgres://app@[2001:db8::1]");
    assert_eq!(
        (options.get_host(), options.get_port(), options.get_database()),
        ("2001:db8::1", 5432, Some("app"))
    );
    let options = accepted("postgres://app@?hostaddr=10.0.0.1&application_name=me");
    assert_eq!((options.get_host(), options.get_application_name()), ("10.0.0.1", Some("me")));
}

#[test]
fn the_application_secret_of_cloud_native_pg_serves_as_it_is() {
    for uri in [
        "postgresql://app:s3cretXYZ@cluster-example-rw:5432/app",
        "postgresql://app:s3cretXYZ@cluster-example-rw.default:5432/app",
        "postgresql://app:s3cretXYZ@cluster-example-rw.default.svc.cluster.local:5432/app",
    ] {
        let options = accepted(uri);
        assert!(matches!(options.get_ssl_mode(), PgSslMode::Require), "{uri}");
        assert_eq!((options.get_username(), options.get_database()), ("app", Some("app")));
    }
    let jdbc = "jdbc:postgresql://cluster-example-rw.default:5432/app?password=hunter2&user=app";
    assert!(refused(jdbc, None).write.contains("key uri"));
}

#[test]
fn a_sockets_folder_is_named_in_the_query_or_in_percent_signs_and_knows_no_tls() {
    for url in [
        "postgresql://app@/chats?host=/var/run/postgresql&sslmode=require",
        "postgresql://app@%2Fvar%2Frun%2Fpostgresql/chats",
    ] {
        let options = accepted(url);
        assert_eq!(options.get_socket().unwrap().to_str(), Some("/var/run/postgresql"), "{url}");
        assert!(matches!(options.get_ssl_mode(), PgSslMode::Disable), "{url}");
        assert_eq!(refused(url, Some(CA)).part, Part::Ca);
    }
}

#[test]
fn what_is_sent_at_the_start_is_nothing_that_a_pooler_refuses() {
    let shown = format!("{:?}", accepted(&with("keepalives=1&gssencmode=disable")));
    for said in ["extra_float_digits: None", "options: None", "statement_cache_capacity: 0"] {
        assert!(shown.contains(said), "{said}: {shown}");
    }
}

#[test]
fn tls_is_required_unless_the_url_says_less_and_verified_if_it_says_more() {
    for (parameters, expected) in [
        ("", "Require"),
        ("ssl=true", "Require"),
        ("sslmode=require", "Require"),
        ("sslmode=prefer", "Prefer"),
        ("sslmode=disable", "Disable"),
        ("sslmode=verify-full", "VerifyFull"),
        ("sslrootcert=system", "VerifyFull"),
        ("sslrootcert=system&sslmode=verify-full", "VerifyFull"),
    ] {
        assert_eq!(mode(parameters, None).as_deref(), Ok(expected), "{parameters}");
    }
    for (parameters, what) in [
        ("sslmode=allow", "sslmode=allow"),
        ("sslmode=verify-ca", "no CA"),
        ("sslmode=", "none of PostgreSQL's"),
        ("sslmode=Require", "none of PostgreSQL's"),
        ("sslmode=hunter2", "none of PostgreSQL's"),
        ("sslrootcert=system&sslmode=require", "asks for more"),
        ("sslrootcert=/not/there", "sslrootcert in the URL: No such file"),
    ] {
        assert!(refused(&with(parameters), None).what.contains(what), "{parameters}");
    }
}

#[test]
fn with_a_ca_the_server_is_always_verified_and_a_url_that_says_less_is_refused() {
    for parameters in
        ["", "sslmode=prefer", "sslmode=require", "sslmode=verify-ca", "sslmode=verify-full"]
    {
        assert_eq!(mode(parameters, Some(CA)).as_deref(), Ok("VerifyFull"), "{parameters}");
    }
    for parameters in ["sslmode=disable", "sslmode=allow"] {
        let fault = refused(&with(parameters), Some(CA));
        assert!(fault.part == Part::Url && fault.what.contains("contradicts the CA"), "{fault:?}");
    }
    for file in ["sslrootcert=system", "sslrootcert=ca.pem"] {
        assert!(refused(&with(file), Some(CA)).what.contains("both say whom to trust"));
    }
    let options = options(URL, Some(CA.as_bytes())).unwrap().connect;
    let expected = format!("ssl_root_cert: Some(Inline({:?}))", CA.as_bytes());
    assert!(format!("{options:?}").contains(&expected));
}

#[test]
fn a_ca_that_holds_no_certificate_is_refused_and_not_shown() {
    let broken = CA.replace("MIIBfDCC", "MIIBfDC!");
    let odd = CA.replace("MIIBfDCC", "AAAAAAAA");
    for (ca, what) in [
        ("hunter2", "no certificate"),
        (
            "-----BEGIN PRIVATE KEY-----\naHVudGVyMg==\n-----END PRIVATE KEY-----\n",
            "no certificate",
        ),
        (broken.as_str(), "broken"),
        (odd.as_str(), "cannot be read"),
    ] {
        let fault = refused(URL, Some(ca));
        assert!(fault.part == Part::Ca && fault.what.contains(what), "{fault:?}");
        assert!(!format!("{fault:?}").contains("aHVudGVyMg"), "{fault:?}");
    }
}

#[test]
fn certificates_in_files_are_read_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let ca = file("ca.pem", CA);
    let key = file("key.pem", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n");
    assert_eq!(mode(&format!("sslrootcert={ca}"), None).as_deref(), Ok("VerifyFull"));
    assert!(mode(&format!("sslrootcert={ca}&sslmode=allow"), None).is_err());
    let shown = format!("{:?}", accepted(&with(&format!("sslcert={ca}&sslkey={key}"))));
    assert!(
        shown.contains("ssl_client_cert: Some(Inline")
            && shown.contains("ssl_client_key: Some(Inline")
    );
    for (parameters, what) in [
        (format!("sslcert={ca}"), "only one"),
        (format!("sslkey={key}"), "only one"),
        (format!("sslcert={key}&sslkey={key}"), "no certificate"),
        (format!("sslcert={ca}&sslkey={ca}"), "no private key"),
    ] {
        assert!(refused(&with(&parameters), None).what.contains(what), "{parameters}");
    }
}

#[test]
fn parameters_that_change_nothing_are_accepted() {
    for parameters in [
        "keepalives=1&keepalives_idle=30&keepalives_interval=10&keepalives_count=3",
        "tcp_user_timeout=1000",
        "gssencmode=disable",
        "gssencmode=prefer&krbsrvname=postgres",
        "channel_binding=prefer",
        "target_session_attrs=read-write",
        "client_encoding=UTF8",
        "ssl_min_protocol_version=TLSv1.2",
        "sslnegotiation=postgres&sslsni=1&sslcompression=0",
        "load_balance_hosts=random",
        "fallback_application_name=me",
        "application_name=",
    ] {
        accepted(&with(parameters));
    }
}

#[test]
fn parameters_that_cannot_be_kept_are_refused_by_name() {
    for parameters in [
        "options=-c%20hunter2",
        "channel_binding=require",
        "gssencmode=require",
        "target_session_attrs=standby",
        "target_session_attrs=read-only",
        "client_encoding=hunter2",
        "ssl_min_protocol_version=TLSv1.3",
        "sslnegotiation=direct",
        "sslsni=0",
        "sslcrl=/crl.pem",
        "sslpassword=hunter2",
        "require_auth=scram-sha-256",
        "requirepeer=postgres",
        "service=hunter2",
        "passfile=/hunter2",
        "replication=database",
        "connect_timeout=hunter2",
        "options[search_path]=hunter2",
        "statement-cache-capacity=5",
        "ssl-mode=require",
        "ssl=false",
        "colour=hunter2",
    ] {
        let name = parameters.split('=').next().unwrap();
        let fault = refused(&with(parameters), None);
        assert!(fault.what.contains(name), "{parameters}: {fault:?}");
        assert!(!fault.write.is_empty());
    }
}

#[test]
fn the_end_of_a_password_does_not_pass_for_a_parameter() {
    for url in [
        "postgresql://app:1/2?hunter2=3@db.team/chats",
        "postgresql://app@db.team/chats?colour=a@b?hunter2",
        "postgresql://app:x/hunter2@db.team/chats",
        "postgresql://app:hunter2/x?y@db.team",
    ] {
        refused(url, None);
    }
}

#[test]
fn what_is_missing_or_no_number_is_told() {
    for (url, what) in [
        ("postgresql://db.team/chats", "names no user"),
        ("postgresql://:hunter2@db.team/chats", "names no user"),
        ("postgresql://app@/chats", "names no host"),
        ("postgresql://app@db.team:hunter2/chats", "the port"),
        ("postgresql://app@db.team:0/chats", "the port"),
        ("postgresql://app@db.team:65536/chats", "the port"),
        ("postgresql://app@db.team,db2.team/chats", "several hosts"),
        ("postgresql://app@db.team:1,db2.team:2/chats", "several hosts"),
        ("postgresql://app@/chats?host=db.team,db2.team", "several hosts"),
        ("postgresql://app@db.team/chats?port=1,2", "several hosts"),
        ("postgresql://app@db.team/chats?hostaddr=10.0.0.1", "host and hostaddr"),
        ("postgresql://app@hunter2%40db.team/chats", "no name of a host"),
        ("postgresql://app@%40hunter2/chats", "no name of a host"),
        ("", "does not begin"),
    ] {
        let told = refused(url, None).what;
        assert!(told.contains(what), "{url}: {told}");
    }
}

#[test]
fn a_server_is_waited_for_ten_seconds_or_as_long_as_the_url_says() {
    let seconds = |parameters: &str| options(&with(parameters), None).unwrap().timeout.as_secs();
    assert_eq!(seconds(""), 10);
    assert_eq!(seconds("connect_timeout=3"), 3);
    assert_eq!(seconds("connect_timeout=0"), 10);
    assert_eq!(seconds("connect_timeout=-1"), 10);
}

#[test]
fn what_it_takes_to_connect_is_not_shown() {
    let shown = format!("{:?}", options(URL, None).unwrap());
    assert_eq!(shown, "Options { timeout: 10s, .. }");
}
