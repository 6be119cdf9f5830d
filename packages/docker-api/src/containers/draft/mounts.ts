import { posix } from 'node:path';
import { KraudError } from '@kraud/base';
import type { MountDraft } from '@kraud/cloud';
import { parseBind } from './binds.ts';
import type { CreateBody, HostBody, MountBody } from './body.ts';
import { tmpfsOptions } from './tmpfs.ts';

/** A path of the host that is to be mounted: made if it is missing (`-v`), or then refused (`--mount`). */
export interface HostSource {
  readonly path: string;
  readonly make: boolean;
}

const dockerSockets = ['/var/run/docker.sock', '/run/docker.sock'];

/** Mounts from the four places where Docker's body has them. */
export function mountsOf(
  body: CreateBody,
  host: HostBody,
  sockets: readonly string[],
): { mounts: MountDraft[]; hostSources: HostSource[] } {
  const mounts: MountDraft[] = [];
  const hostSources: HostSource[] = [];
  const driver = host.VolumeDriver || undefined;

  const addHost = (source: string, target: string, readOnly: boolean, make: boolean): void => {
    const clean = posix.normalize(source).replace(/(.)\/+$/, '$1');
    const own = sockets[0];
    if (own !== undefined && (dockerSockets.includes(clean) || sockets.includes(clean))) {
      mounts.push({ type: 'socket', source: own, target });
      return;
    }
    hostSources.push({ path: clean, make });
    mounts.push({ type: 'host', source: clean, target, readOnly });
  };

  for (const bind of host.Binds ?? []) {
    const { source, target, readOnly, copyUp } = parseBind(bind);
    if (source.startsWith('/')) addHost(source, target, readOnly, true);
    else
      mounts.push({
        type: 'volume',
        volume: source,
        target,
        readOnly,
        copyUp,
        ...(driver ? { driver } : {}),
      });
  }
  for (const mount of host.Mounts ?? []) {
    if (mount.Type === 'bind') {
      const source = mount.Source ?? '';
      refuseOthers(mount);
      if (source === '') throw invalid(mount, 'field Source must not be empty');
      if (!source.startsWith('/')) {
        throw invalid(mount, `invalid mount path: '${source}' mount path must be absolute`);
      }
      addHost(
        source,
        mount.Target ?? '',
        mount.ReadOnly ?? false,
        mount.BindOptions?.CreateMountpoint ?? false,
      );
    } else mounts.push(fromMount(mount));
  }
  for (const [target, options] of Object.entries(host.Tmpfs ?? {})) {
    mounts.push({ type: 'tmpfs', target, options: tmpfsOptions(options.split(',')) });
  }
  for (const target of Object.keys(body.Volumes ?? {})) {
    if (mounts.some((mount) => same(mount.target, target))) continue;
    mounts.push({
      type: 'volume',
      volume: '',
      target,
      readOnly: false,
      copyUp: true,
      ...(driver ? { driver } : {}),
    });
  }
  return { mounts, hostSources };
}

const same = (a: string, b: string): boolean => posix.normalize(`${a}/`) === posix.normalize(`${b}/`);

/** A path that leads nowhere but below where it begins. */
function isWithin(path: string): boolean {
  const [first] = posix.normalize(path).split('/');
  return first !== '' && first !== '..';
}

function fromMount(mount: MountBody): MountDraft {
  const target = mount.Target ?? '';
  const readOnly = mount.ReadOnly ?? false;
  refuseOthers(mount);
  if (mount.Type === 'volume') {
    if (readOnly && !mount.Source) {
      throw invalid(mount, 'must not set ReadOnly mode when using anonymous volumes');
    }
    const options = mount.VolumeOptions ?? {};
    if (options.Subpath && !isWithin(options.Subpath)) {
      throw invalid(mount, 'subpath must be a relative path within the volume');
    }
    const driver = options.DriverConfig?.Name;
    return {
      type: 'volume',
      volume: mount.Source ?? '',
      target,
      readOnly,
      copyUp: !options.NoCopy,
      ...(options.Subpath ? { subpath: options.Subpath } : {}),
      ...(options.Labels ? { labels: options.Labels } : {}),
      ...(driver ? { driver } : {}),
      ...(options.DriverConfig?.Options ? { driverOptions: options.DriverConfig.Options } : {}),
    };
  }
  if (mount.Type === 'tmpfs') {
    if (mount.Source) throw invalid(mount, 'field Source must not be specified');
    return { type: 'tmpfs', target, options: tmpfsOptions(tmpfsGiven(mount)) };
  }
  if (mount.Type === 'npipe' || mount.Type === 'cluster' || mount.Type === 'image') {
    throw new KraudError('unsupported', `HostConfig.Mounts of type ${mount.Type} are not supported`);
  }
  throw invalid(mount, `mount type unknown: "${mount.Type ?? ''}"`);
}

const own: Record<string, keyof MountBody> = {
  bind: 'BindOptions',
  volume: 'VolumeOptions',
  tmpfs: 'TmpfsOptions',
};

/** Every mount has a target, and no options of another type. */
function refuseOthers(mount: MountBody): void {
  const mine = own[mount.Type ?? ''];
  if (mine === undefined) return;
  if (!mount.Target) throw invalid(mount, 'field Target must not be empty');
  const other = Object.values(own).find((name) => name !== mine && mount[name] !== undefined);
  if (other !== undefined) throw invalid(mount, `field ${other} must not be specified`);
}

function tmpfsGiven(mount: MountBody): string[] {
  const { SizeBytes: size, Mode: mode, Options: options } = mount.TmpfsOptions ?? {};
  const flags = Array.isArray(options) ? options : [];
  return [
    ...(mount.ReadOnly ? ['ro'] : []),
    ...(size ? [`size=${size}`] : []),
    ...(mode ? [`mode=${mode.toString(8)}`] : []),
    ...flags.map((flag) => (Array.isArray(flag) ? flag.join('=') : String(flag))),
  ];
}

function invalid(mount: MountBody, why: string): KraudError {
  return new KraudError('invalid', `invalid mount config for type "${mount.Type ?? ''}": ${why}`);
}
