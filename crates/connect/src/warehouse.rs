//! Where the warehouse of a project lies: a folder, or a part of a bucket in an object store.
//!
//! Credentials come from the environment, as the tools of each cloud read them, or for S3 from the project. Requests are tried again for half
//! a minute at most: what does not answer by then is told, and the run can be repeated.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hw_base::{Error, Node, Result, Settings};
use hw_engine::Site;
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::{ClientConfigKey, ObjectStore, RetryConfig};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use url::Url;

use crate::connectors::Secrets;

/// The folder of a warehouse of which nothing is said.
const FOLDER: &str = "warehouse";
/// How often a request is tried again, with pauses that begin at a tenth of a second and double.
const RETRIES: usize = 5;
/// No request is tried again after so long.
const RETRIED_FOR: Duration = Duration::from_secs(30);
/// What the environment tells although the project names credentials of its own.
const NO_CREDENTIALS: [AmazonS3ConfigKey; 4] = [
    AmazonS3ConfigKey::Region,
    AmazonS3ConfigKey::Endpoint,
    AmazonS3ConfigKey::S3Endpoint,
    AmazonS3ConfigKey::Client(ClientConfigKey::AllowHttp),
];

/// A store that needs settings.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct InStore {
    /// A bucket of Amazon S3, or of a store that speaks its protocol.
    s3: S3Settings,
}

/// A bucket of Amazon S3, or of a store that speaks its protocol.
///
/// Holds what may be secrets, as the project writes them: no `Debug`.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct S3Settings {
    /// Bucket and prefix: `s3://lake/warehouse`.
    url: String,
    /// The URL of the server, where it is not Amazon's: `https://minio.example.com`. `AWS_ENDPOINT_URL` where it is not given.
    #[serde(default)]
    endpoint: Option<String>,
    /// The region of the bucket. `AWS_REGION` where it is not given, else `us-east-1`.
    #[serde(default)]
    region: Option<String>,
    /// The id of the access key, best as a reference such as `${env:LAKE_KEY_ID}`. Where it is not given the environment tells
    /// the credentials: `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN`, or the role of the machine or the container.
    #[serde(default)]
    access_key_id: Option<String>,
    /// The secret of the access key, best as a reference such as `${env:LAKE_SECRET}`.
    #[serde(default)]
    secret_access_key: Option<String>,
    /// The token of credentials for a while.
    #[serde(default)]
    session_token: Option<String>,
    /// Whether the server may be reached without encryption, for one in the same network.
    #[serde(default)]
    allow_http: Option<bool>,
    /// Whether the bucket stands in the name of the server, `https://lake.s3.example.com`, and not in the path.
    #[serde(default)]
    virtual_hosted: Option<bool>,
}

/// The warehouse that the `warehouse:` of a project names; `root` is its folder.
///
/// # Errors
/// HW104 for what is no place for a warehouse. Nothing is asked of a store yet.
pub fn warehouse(settings: Option<&Settings>, root: &Path, secrets: &Secrets) -> Result<Site> {
    let Some(settings) = settings else { return folder(root, FOLDER) };
    let site = if matches!(settings.node, Node::Map(_)) {
        settings.read::<InStore>().and_then(|store| in_s3(&store.s3, secrets))
    } else {
        settings.read::<String>().and_then(|text| at(root, &text, secrets))
    };
    site.map_err(|error| match &settings.span {
        Some(span) => error.at(span.clone()),
        None => error,
    })
}

/// The JSON Schema of `warehouse:`.
pub fn warehouse_schema(generator: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "description": "Where the Delta tables lie: a folder relative to the project, `s3://bucket/prefix`, `gs://…`, `az://…`, or S3 with settings.",
        "anyOf": [{ "type": "string" }, generator.subschema_for::<InStore>()],
    })
}

/// The place that a text names.
fn at(root: &Path, text: &str, secrets: &Secrets) -> Result<Site> {
    let text = secrets(text)?;
    if text.trim().is_empty() {
        return Err(Error::user("the place of the warehouse is empty")
            .code("HW104")
            .help(format!("leave `warehouse:` out for the folder `{FOLDER}`, or name a folder or a bucket")));
    }
    let Some((scheme, _)) = text.split_once("://") else { return folder(root, &text) };
    match scheme {
        "s3" => in_s3(&S3Settings { url: text, ..S3Settings::default() }, secrets),
        "gs" => {
            let (url, bucket) = bucket_of(&text)?;
            let builder = GoogleCloudStorageBuilder::from_env().with_bucket_name(bucket).with_retry(retries());
            Ok(Site::bucket(url, built(builder.build(), &text)?))
        }
        "az" => {
            let (url, container) = bucket_of(&text)?;
            let builder = MicrosoftAzureBuilder::from_env().with_container_name(container).with_retry(retries());
            Ok(Site::bucket(url, built(builder.build(), &text)?))
        }
        _ => Err(Error::user(format!("a warehouse at `{scheme}://` is not supported"))
            .code("HW104")
            .help("give a folder, `warehouse: warehouse/`, or a bucket: `s3://lake/warehouse`, `gs://…`, `az://…`")),
    }
}

fn folder(root: &Path, warehouse: &str) -> Result<Site> {
    let folder = root.join(warehouse);
    if folder.is_file() {
        return Err(Error::user(format!("the warehouse `{warehouse}` is a file"))
            .code("HW104")
            .because("a warehouse is a folder that holds a folder for each table")
            .help("name another place: `warehouse: warehouse/`"));
    }
    Ok(folder.into())
}

/// The URL of a part of a bucket, and the name of the bucket.
fn bucket_of(text: &str) -> Result<(Url, String)> {
    // The text may hold credentials, so it is not shown.
    let wrong = |why: &str| {
        Error::user("the URL of the warehouse names no part of a bucket")
            .code("HW104")
            .because(why.to_owned())
            .help("write it as `s3://bucket/prefix`")
    };
    let url = Url::parse(text).map_err(|error| wrong(&error.to_string()))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("credentials stand in the environment or beside the URL, not in it"));
    }
    if url.port().is_some() || url.query().is_some() || url.fragment().is_some() {
        return Err(wrong("it has more parts than a bucket and a prefix; the server is named by `endpoint:`"));
    }
    let bucket = url.host_str().filter(|bucket| !bucket.is_empty()).map(str::to_owned);
    bucket.map(|bucket| (url.clone(), bucket)).ok_or_else(|| wrong("the bucket is missing"))
}

fn in_s3(settings: &S3Settings, secrets: &Secrets) -> Result<Site> {
    let url = secrets(&settings.url)?;
    if !url.starts_with("s3://") {
        return Err(Error::user("the `url` of a warehouse in S3 does not begin with `s3://`")
            .code("HW104")
            .help("write it as `s3://bucket/prefix`"));
    }
    let (url, bucket) = bucket_of(&url)?;
    let mut builder = beginning(settings)?.with_bucket_name(bucket).with_retry(retries());
    for (key, text) in [
        (AmazonS3ConfigKey::S3Endpoint, &settings.endpoint),
        (AmazonS3ConfigKey::Region, &settings.region),
        (AmazonS3ConfigKey::AccessKeyId, &settings.access_key_id),
        (AmazonS3ConfigKey::SecretAccessKey, &settings.secret_access_key),
        (AmazonS3ConfigKey::Token, &settings.session_token),
    ] {
        if let Some(text) = text {
            builder = builder.with_config(key, secrets(text)?);
        }
    }
    if let Some(allow) = settings.allow_http {
        builder = builder.with_allow_http(allow);
    }
    if let Some(is_hosted) = settings.virtual_hosted {
        builder = builder.with_virtual_hosted_style_request(is_hosted);
    }
    refuse_plain_http(&builder)?;
    Ok(Site::bucket(url.clone(), built(builder.build(), url.as_str())?))
}

/// What the environment says, without its credentials where the project names others: parts of two do not fit together.
fn beginning(settings: &S3Settings) -> Result<AmazonS3Builder> {
    let environment = AmazonS3Builder::from_env();
    match (&settings.access_key_id, &settings.secret_access_key) {
        (None, None) => Ok(environment),
        (Some(_), Some(_)) => {
            Ok(NO_CREDENTIALS.into_iter().fold(AmazonS3Builder::new(), |builder, key| match environment.get_config_value(&key) {
                Some(value) => builder.with_config(key, value),
                None => builder,
            }))
        }
        _ => Err(Error::user("an access key of S3 is named by half")
            .code("HW103")
            .help("name both `access_key_id` and `secret_access_key`, or neither, for those of the environment")),
    }
}

/// The server would be told only at the first request that its URL is not allowed.
fn refuse_plain_http(builder: &AmazonS3Builder) -> Result<()> {
    let value = |key| builder.get_config_value(&key);
    let endpoint = value(AmazonS3ConfigKey::S3Endpoint).or_else(|| value(AmazonS3ConfigKey::Endpoint)).unwrap_or_default();
    let is_allowed = value(AmazonS3ConfigKey::Client(ClientConfigKey::AllowHttp)).is_some_and(|allowed| allowed == "true");
    if !endpoint.starts_with("http://") || is_allowed {
        return Ok(());
    }
    Err(Error::user(format!("the endpoint `{endpoint}` is not encrypted"))
        .code("HW104")
        .because("rows would go over the network as they are")
        .help("where that is meant, say so: `warehouse: { s3: { url: …, allow_http: true } }`, or `AWS_ALLOW_HTTP=true`"))
}

fn retries() -> RetryConfig {
    RetryConfig { max_retries: RETRIES, retry_timeout: RETRIED_FOR, ..RetryConfig::default() }
}

fn built<S: ObjectStore>(store: object_store::Result<S>, url: &str) -> Result<Arc<dyn ObjectStore>> {
    let refused = |error: object_store::Error| {
        Error::user(format!("the warehouse `{url}` cannot be opened"))
            .code("HW104")
            .because(error)
            .help("look at the settings and the environment")
    };
    store.map(|store| Arc::new(store) as Arc<dyn ObjectStore>).map_err(refused)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(json: &serde_json::Value) -> String {
        let secrets: Secrets = Arc::new(|text| Ok(text.to_owned()));
        let folder = tempfile::tempdir().unwrap();
        warehouse(Some(&Settings::from_json(json)), folder.path(), &secrets).err().unwrap().to_string()
    }

    #[test]
    fn what_is_no_place_for_a_warehouse_is_refused_without_showing_secrets() {
        use serde_json::json;
        let scheme = refused(&json!("ftp://somewhere"));
        assert!(scheme.contains("`ftp://` is not supported"), "{scheme}");
        let inside = refused(&json!("s3://key:hidden@lake/a"));
        assert!(inside.contains("credentials stand in the environment") && !inside.contains("hidden"), "{inside}");
        let half = refused(&json!({ "s3": { "url": "s3://lake/a", "access_key_id": "a" } }));
        assert!(half.contains("by half"), "{half}");
        let keys = json!({ "url": "s3://lake/a", "access_key_id": "a", "secret_access_key": "hidden", "endpoint": "http://h" });
        let plain = refused(&json!({ "s3": keys }));
        assert!(plain.contains("not encrypted") && !plain.contains("hidden"), "{plain}");
        let unknown = refused(&json!({ "s3": { "url": "s3://lake/a", "endpiont": "x" } }));
        assert!(unknown.contains("did you mean `endpoint`"), "{unknown}");
    }
}
