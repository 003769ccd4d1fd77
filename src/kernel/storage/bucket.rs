//! Files in a bucket of an S3-compatible service.

use std::io;
use std::ops::Range;
use std::path::Path as FilePath;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use futures_util::{StreamExt as _, TryStreamExt as _};
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path;
use object_store::{Attribute, Attributes, ClientOptions, GetOptions, GetRange, ObjectStore as _};
use object_store::{ObjectStoreExt as _, PutMultipartOptions, RetryConfig, WriteMultipart};
use tempfile::{NamedTempFile, TempPath};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::Content;
use crate::kernel::config::StorageSettings;

/// Bytes sent at once; services take no smaller parts.
const STEP: usize = 5 << 20;
/// Parts under way at once.
const PARTS: usize = 2;

/// A bucket, and the folder in it.
#[derive(Clone, Debug)]
pub struct Bucket {
    store: Arc<AmazonS3>,
    kind: String,
}

impl Bucket {
    /// The folder `kind` of the configured bucket.
    ///
    /// # Errors
    /// When the address or the keys cannot be used.
    pub fn open(kind: &str, settings: &StorageSettings) -> anyhow::Result<Self> {
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(settings.bucket.as_deref().unwrap_or_default())
            .with_region(&settings.region)
            .with_access_key_id(
                settings
                    .access_key
                    .as_deref()
                    .context("storage.access_key is not set: the bucket needs it")?,
            )
            .with_client_options(
                // Whoever listens slowly may take their time, as long as something moves.
                ClientOptions::new()
                    .with_timeout_disabled()
                    .with_read_timeout(Duration::from_secs(30))
                    .with_connect_timeout(Duration::from_secs(5)),
            )
            .with_retry(RetryConfig {
                max_retries: 3,
                retry_timeout: Duration::from_secs(20),
                ..RetryConfig::default()
            })
            .with_secret_access_key(
                settings
                    .secret_key
                    .as_deref()
                    .context("storage.secret_key is not set: the bucket needs it")?,
            );
        if let Some(endpoint) = &settings.endpoint {
            builder = builder
                .with_endpoint(endpoint)
                .with_allow_http(endpoint.starts_with("http:"));
        }
        Ok(Self {
            store: Arc::new(builder.build().context("storage.bucket")?),
            kind: kind.to_owned(),
        })
    }

    fn path(&self, name: &str) -> Path {
        Path::from(format!("{}/{name}", self.kind))
    }

    pub(super) async fn write(&self, bytes: Vec<u8>, name: &str) -> io::Result<()> {
        self.store.put(&self.path(name), bytes.into()).await?;
        Ok(())
    }

    pub(super) async fn take(&self, file: &FilePath, name: &str) -> io::Result<()> {
        let mut file = tokio::fs::File::open(file).await?;
        let mut attributes = Attributes::new();
        attributes.insert(Attribute::ContentType, "application/octet-stream".into());
        let options = PutMultipartOptions {
            attributes,
            ..PutMultipartOptions::default()
        };
        let upload = self
            .store
            .put_multipart_opts(&self.path(name), options)
            .await?;
        let mut writer = WriteMultipart::new_with_chunk_size(upload, STEP);
        match send(&mut file, &mut writer).await {
            Ok(()) => {
                writer.finish().await?;
                Ok(())
            }
            Err(error) => {
                let _ = writer.abort().await;
                Err(error)
            }
        }
    }

    pub(super) async fn size(&self, name: &str) -> io::Result<u64> {
        Ok(self.store.head(&self.path(name)).await?.size)
    }

    pub(super) async fn part(&self, name: &str, range: Range<u64>) -> io::Result<Content> {
        if range.is_empty() {
            return Ok(Box::pin(futures_util::stream::empty()));
        }
        let options = GetOptions {
            range: Some(GetRange::Bounded(range)),
            ..GetOptions::default()
        };
        let answer = self.store.get_opts(&self.path(name), options).await?;
        Ok(Box::pin(answer.into_stream().map_err(io::Error::from)))
    }

    pub(super) async fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        let answer = self.store.get(&self.path(name)).await?;
        Ok(answer.bytes().await?.to_vec())
    }

    pub(super) async fn copy(&self, name: &str, folder: &FilePath) -> io::Result<TempPath> {
        let copy = NamedTempFile::new_in(folder)?;
        let mut file = tokio::fs::File::from_std(copy.reopen()?);
        let mut content = self.store.get(&self.path(name)).await?.into_stream();
        while let Some(chunk) = content.next().await {
            file.write_all(&chunk?).await?;
        }
        file.flush().await?;
        Ok(copy.into_temp_path())
    }

    pub(super) async fn remove(&self, name: &str) -> io::Result<()> {
        Ok(self.store.delete(&self.path(name)).await?)
    }
}

async fn send(file: &mut tokio::fs::File, writer: &mut WriteMultipart) -> io::Result<()> {
    let mut chunk = vec![0; STEP];
    loop {
        let read = file.read(&mut chunk).await?;
        if read == 0 {
            return Ok(());
        }
        writer.wait_for_capacity(PARTS).await?;
        writer.write(&chunk[..read]);
    }
}
