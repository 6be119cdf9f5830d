/** Which registries there are and how to speak to them. The daemon's config fills it in; none of it is needed. */
export interface RegistrySettings {
  /** Base URLs to try before the registry itself, by domain: `{ 'docker.io': ['https://mirror.example'] }`. */
  readonly mirrors: Readonly<Record<string, readonly string[]>>;
  /** `host` or `host:port` where plain http, or TLS that can't be verified, is accepted. Loopback always is. */
  readonly insecure: readonly string[];
  readonly userAgent: string;
  /** To connect and get response headers. */
  readonly responseTimeoutMs: number;
  /** Between two pieces of a body. */
  readonly stallTimeoutMs: number;
  /** Attempts in a row without progress. */
  readonly attemptsMax: number;
  /** Attempts for one blob in all. */
  readonly resumesMax: number;
  readonly backoff: { readonly firstMs: number; readonly maxMs: number };
  readonly parallelDownloadsMax: number;
}

export const registrySettings: RegistrySettings = {
  mirrors: {},
  insecure: [],
  userAgent: 'kraud',
  responseTimeoutMs: 30_000,
  stallTimeoutMs: 30_000,
  attemptsMax: 5,
  resumesMax: 100,
  backoff: { firstMs: 250, maxMs: 8_000 },
  parallelDownloadsMax: 3,
};

/** Docker Hub's API has a host of its own. */
const hosts: Record<string, string> = { 'docker.io': 'registry-1.docker.io' };

/** Base URLs in the order in which they are tried. Plain http only where it is accepted, and after https. */
export function endpointsOf(domain: string, settings: RegistrySettings): readonly URL[] {
  const host = Object.hasOwn(hosts, domain) ? (hosts[domain] ?? domain) : domain;
  const own = [new URL(`https://${host}`)];
  if (isInsecure(host, settings)) own.push(new URL(`http://${host}`));
  return own;
}

export function mirrorsOf(domain: string, settings: RegistrySettings): readonly URL[] {
  const mirrors = Object.hasOwn(settings.mirrors, domain) ? settings.mirrors[domain] : undefined;
  return (mirrors ?? []).map((mirror) => new URL(mirror));
}

export function isInsecure(host: string, settings: RegistrySettings): boolean {
  const name = host.replace(/:\d+$/, '');
  const loopback = name === 'localhost' || name === '[::1]' || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(name);
  return loopback || settings.insecure.includes(host) || settings.insecure.includes(name);
}
