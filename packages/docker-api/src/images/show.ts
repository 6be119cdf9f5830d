import type { ImageFacts, ImageView } from '@kraud/cloud';
import { keysOf } from '../containers/show/config.ts';
import { familiar } from '../image-names.ts';
import { isoToUnix } from '../times.ts';

/** Names as Docker shows them. */
export const tagsOf = ({ image }: ImageView): string[] => image.spec.tags.map(familiar);
export const digestsOf = ({ image }: ImageView): string[] => image.spec.digests.map(familiar);

/** Since API 1.50 what has no value is left out, and so are the fields that only containers have. */
export function imageConfigOf({ config }: ImageFacts, minor: number): Record<string, unknown> {
  const all = legacyConfigOf(config);
  if (minor < 50) return all;
  const { AttachStdin, AttachStdout, AttachStderr, Tty, OpenStdin, StdinOnce, ...own } = all;
  return Object.fromEntries(Object.entries(own).filter(([, value]) => value !== '' && value !== null));
}

function legacyConfigOf(config: ImageFacts['config']): Record<string, unknown> {
  const health = config.healthcheck;
  return {
    Hostname: '',
    Domainname: '',
    User: config.user ?? '',
    AttachStdin: false,
    AttachStdout: false,
    AttachStderr: false,
    ...(config.exposedPorts && config.exposedPorts.length > 0
      ? { ExposedPorts: keysOf(config.exposedPorts) }
      : {}),
    Tty: false,
    OpenStdin: false,
    StdinOnce: false,
    Env: config.env ?? null,
    Cmd: config.cmd ?? null,
    Image: '',
    Volumes: config.volumes && config.volumes.length > 0 ? keysOf(config.volumes) : null,
    WorkingDir: config.workingDir ?? '',
    Entrypoint: config.entrypoint ?? null,
    OnBuild: config.onBuild ?? null,
    Labels: config.labels ?? null,
    ...(config.stopSignal ? { StopSignal: config.stopSignal } : {}),
    ...(config.shell ? { Shell: config.shell } : {}),
    ...(health
      ? {
          Healthcheck: {
            Test: health.test,
            ...(health.intervalNs ? { Interval: health.intervalNs } : {}),
            ...(health.timeoutNs ? { Timeout: health.timeoutNs } : {}),
            ...(health.startPeriodNs ? { StartPeriod: health.startPeriodNs } : {}),
            ...(health.startIntervalNs ? { StartInterval: health.startIntervalNs } : {}),
            ...(health.retries ? { Retries: health.retries } : {}),
          },
        }
      : {}),
  };
}

/** A row of the list, as `images` and `system df` show it. Until API 1.43 the size had two names, and until 1.42 no name was one. */
export function imageSummary(
  view: ImageView,
  minor: number,
  counts: { containers: number; sharedBytes: number } = { containers: -1, sharedBytes: -1 },
): Record<string, unknown> {
  const { facts } = view;
  const tags = tagsOf(view);
  const digests = digestsOf(view);
  const nameless = minor < 43 && tags.length === 0 && digests.length === 0;
  return {
    Containers: counts.containers,
    Created: isoToUnix(facts.createdAt),
    Id: facts.id,
    Labels: facts.config.labels ?? null,
    ParentId: facts.parentId,
    RepoDigests: nameless ? ['<none>@<none>'] : digests,
    RepoTags: nameless ? ['<none>:<none>'] : tags,
    SharedSize: counts.sharedBytes,
    Size: facts.sizeBytes,
    ...(minor < 44 ? { VirtualSize: facts.sizeBytes } : {}),
  };
}
