import type { Reference } from './reference/reference.ts';

/** What a stream of bytes is everywhere in this package: Node's `Readable` is one. */
export type ByteStream = AsyncIterable<Uint8Array>;

/** `sha256:` and 64 lower-case hex digits; checked where it comes in (`parseDigest`). */
export type Digest = `sha256:${string}`;

/** An image's id is the digest of its config document, as Docker shows it. */
export type ImageId = Digest;

export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string | undefined;
}

/** What a container gets from its image when it doesn't say otherwise. Field names are Docker's and OCI's. */
export interface ImageConfig {
  readonly User?: string;
  readonly ExposedPorts?: Readonly<Record<string, object>>;
  readonly Env?: readonly string[] | null;
  readonly Entrypoint?: readonly string[] | null;
  readonly Cmd?: readonly string[] | null;
  readonly Volumes?: Readonly<Record<string, object>> | null;
  readonly WorkingDir?: string;
  readonly Labels?: Readonly<Record<string, string>> | null;
  readonly StopSignal?: string;
  readonly StopTimeout?: number;
  readonly Shell?: readonly string[] | null;
  readonly OnBuild?: readonly string[] | null;
  readonly Healthcheck?: Healthcheck | null;
  readonly ArgsEscaped?: boolean;
}

/** Durations in nanoseconds, as Docker has them. `Test` is `NONE`, `CMD …` or `CMD-SHELL …`. */
export interface Healthcheck {
  readonly Test?: readonly string[];
  readonly Interval?: number;
  readonly Timeout?: number;
  readonly StartPeriod?: number;
  readonly StartInterval?: number;
  readonly Retries?: number;
}

export interface HistoryEntry {
  readonly created?: string;
  readonly created_by?: string;
  readonly author?: string;
  readonly comment?: string;
  readonly empty_layer?: boolean;
}

/** The config document of an image (`application/vnd.oci.image.config.v1+json` and Docker's twin). */
export interface ImageDocument {
  readonly architecture: string;
  readonly os: string;
  readonly variant?: string;
  readonly 'os.version'?: string;
  readonly created?: string;
  readonly author?: string;
  readonly comment?: string;
  readonly config?: ImageConfig;
  readonly rootfs: { readonly type: 'layers'; readonly diff_ids: readonly Digest[] };
  readonly history?: readonly HistoryEntry[];
}

/** One layer as this host has it. `digest` is the blob's, `diffId` that of the unpacked tar. */
export interface ImageLayer {
  readonly digest: Digest;
  readonly diffId: Digest;
  readonly mediaType: string;
  /** Of the blob on disk. */
  readonly blobBytes: number;
  /** Of the files' contents once unpacked: what Docker shows as size. */
  readonly contentBytes: number;
}

/** An image that is complete on this host. */
export interface Image {
  readonly id: ImageId;
  readonly document: ImageDocument;
  readonly manifestDigest: Digest;
  readonly manifestMediaType: string;
  readonly layers: readonly ImageLayer[];
  /** The sum of the layers' `contentBytes`. */
  readonly sizeBytes: number;
  /** The image it was committed from, if it is here. */
  readonly parent?: ImageId | undefined;
  /** When it came to this host, ms since 1970. */
  readonly addedAtMs: number;
}

/** Docker's `jsonmessage`, typed. A facade writes each as one JSON line; unknown keys never appear. */
export interface ProgressEvent {
  readonly status?: string;
  readonly id?: string;
  readonly progressDetail?: { readonly current?: number; readonly total?: number };
  readonly stream?: string;
  readonly aux?:
    | { readonly Tag: string; readonly Digest: string; readonly Size: number }
    | { readonly ID: string };
}
export type OnProgress = (event: ProgressEvent) => void;

/** Credentials for one request, as in Docker's X-Registry-Auth. Never stored, never logged. */
export interface RegistryAuth {
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  /** An OAuth refresh token, instead of a password. */
  readonly identityToken?: string | undefined;
  /** A bearer token to send as it is. */
  readonly registryToken?: string | undefined;
  readonly serverAddress?: string | undefined;
}

export interface TransferOptions {
  readonly auth?: RegistryAuth | undefined;
  readonly onProgress?: OnProgress | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface PullOptions extends TransferOptions {
  /** Default: this host's own, `linux/amd64`. Another one is refused unless the registry has it. */
  readonly platform?: Platform | undefined;
}

export interface PulledImage {
  readonly image: Image;
  /** The digest the name stood for: that of the index, if there is one. `name@digest` is Docker's RepoDigest. */
  readonly repoDigest: Digest;
  /** False if everything was here already. */
  readonly changed: boolean;
}

export interface PushedImage {
  readonly digest: Digest;
  readonly manifestBytes: number;
}

export interface LoadOptions {
  /** Which of an index is wanted; an image of another one is refused. Absent: this host's, or what there is. */
  readonly platform?: Platform | undefined;
  readonly onProgress?: OnProgress | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface LoadedImage {
  readonly image: Image;
  /** Names the archive gives it; the caller keeps them. */
  readonly names: readonly Reference[];
}

export interface SaveItem {
  readonly id: ImageId;
  readonly names: readonly Reference[];
}

export interface ImportOptions {
  /** Dockerfile instructions, as `docker import --change` takes them. */
  readonly changes?: readonly string[];
  readonly message?: string;
  readonly platform?: Platform | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface CommitOptions {
  /** Replaces the base's config fields that it names, before `changes`. */
  readonly config?: ImageConfig;
  readonly changes?: readonly string[];
  readonly author?: string;
  readonly message?: string;
  /** What the container ran, for `docker history`. */
  readonly createdBy?: string;
  readonly signal?: AbortSignal | undefined;
}

/** One line of `docker history`, newest first. */
export interface HistoryLine {
  /** The image's own id on the first line, its known parents' further down, else undefined (`<missing>`). */
  readonly id: ImageId | undefined;
  readonly createdAtMs: number;
  readonly createdBy: string;
  readonly comment: string;
  readonly sizeBytes: number;
}

export interface ImageUsage {
  readonly id: ImageId;
  readonly sizeBytes: number;
  /** Of layers that another image on this host has too. */
  readonly sharedBytes: number;
}

export interface DiskUsage {
  readonly images: readonly ImageUsage[];
  /** Contents of all layers, each counted once: Docker's LayersSize. */
  readonly layersBytes: number;
  /** What blobs and root file systems take on disk. */
  readonly diskBytes: number;
}

/** The merged, read-only root file system of an image, ready to be a VM's disk. */
export interface Rootfs {
  /** Depends on the ordered diff ids, the format and the builder's version, on nothing else. */
  readonly key: string;
  /** Mode 0444; its apparent size is `imageDiskBytes`. May be hard-linked; never written. */
  readonly path: string;
  readonly format: RootfsFormat;
  /** Bytes that the file system itself takes. */
  readonly usedBytes: number;
}
export type RootfsFormat = 'squashfs' | 'erofs';

export interface DeletedImage {
  readonly id: ImageId;
  /** Layers that no image on this host has any more: Docker's `Deleted: sha256:…` lines. */
  readonly layers: readonly Digest[];
  readonly reclaimedBytes: number;
}

/** The manifest of an image as it is kept here, byte by byte. */
export interface ImageManifest {
  readonly bytes: Uint8Array;
  readonly mediaType: string;
  /** The image it was committed from. */
  readonly parent?: ImageId;
}

/** Another place that has an image. Faults of a blob that may go away when asked again are its own business. */
export interface ImageSource {
  manifest(): Promise<ImageManifest>;
  blob(digest: Digest, sizeBytes: number): ByteStream;
}

/** What a registry says of a name (`GET /distribution/{name}/json`). */
export interface RemoteDescriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly sizeBytes: number;
  readonly platforms: readonly Platform[];
}

/**
 * The images of one host. An image is its config (whose digest is its id), one manifest and its layers, all
 * in a content-addressed store; *names are kept by the caller*, who also decides who may see which image.
 *
 * Promises: what a method returns is on disk; a method that throws has changed nothing that can be seen;
 * a crash at any point leaves only what the next `open` sweeps. Methods may run at the same time.
 * Faults are `KraudError`s: `not-found` (no such image, name or blob), `corrupt` (digest or format),
 * `exhausted` (disk full, limit), `unauthenticated`, `forbidden`, `unavailable` (network), `timeout`.
 */
export interface Images {
  pull(reference: Reference, options?: PullOptions): Promise<PulledImage>;
  push(id: ImageId, reference: Reference, options?: TransferOptions): Promise<PushedImage>;
  /** Checks credentials with a registry (`docker login`); gives an identity token if the registry issues one. */
  login(serverAddress: string, auth: RegistryAuth): Promise<{ identityToken?: string | undefined }>;
  remote(reference: Reference, auth?: RegistryAuth): Promise<RemoteDescriptor>;
  /** What the reference's repository has at its registry. */
  tags(reference: Reference, auth?: RegistryAuth): Promise<readonly string[]>;

  load(archive: ByteStream, options?: LoadOptions): Promise<readonly LoadedImage[]>;
  /** A tar that `docker load` and every OCI tool read. The images can't be collected while it is read. */
  save(items: readonly SaveItem[]): ByteStream;
  import(tar: ByteStream, options?: ImportOptions): Promise<Image>;
  /** A new image: the base's layers and one more (OCI whiteouts in it). */
  commit(base: ImageId, layer: ByteStream, options?: CommitOptions): Promise<Image>;

  /** For another host: the manifest, and each blob that it names, from byte `start` on. */
  manifest(id: ImageId): Promise<ImageManifest>;
  blob(digest: Digest, start?: number): ByteStream;
  /** The same image as another host has it, every byte of it checked. */
  receive(id: ImageId, source: ImageSource): Promise<Image>;

  /** Undefined if it is not here. */
  find(id: ImageId): Promise<Image | undefined>;
  /** Fails with `not-found`. */
  get(id: ImageId): Promise<Image>;
  /** Ids that start with these hex digits (with or without `sha256:`). */
  withPrefix(prefix: string): Promise<readonly ImageId[]>;
  list(): Promise<readonly Image[]>;
  history(id: ImageId): Promise<readonly HistoryLine[]>;
  children(id: ImageId): Promise<readonly ImageId[]>;
  usage(): Promise<DiskUsage>;

  /** Makes it if it isn't there, once however many ask. */
  rootfs(id: ImageId): Promise<Rootfs>;

  /** The caller has checked that no name and no pod needs it. Root file systems in use stay (see `RootfsUsers`). */
  delete(id: ImageId): Promise<DeletedImage>;
  /** Removes what no image and no running operation needs. */
  collect(): Promise<{ reclaimedBytes: number }>;
}

/** Filled in by whoever runs pods: root file systems that must stay though their image is deleted. */
export interface RootfsUsers {
  /** Keys (`Rootfs.key`) of all pods on this host, running or stopped. */
  inUse(): Promise<ReadonlySet<string>>;
}
