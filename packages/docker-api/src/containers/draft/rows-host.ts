import { type BodyRow, row } from '../../body/rows.ts';
import { resourceRows } from './rows-resources.ts';

const h = (name: string): string => `HostConfig.${name}`;
const m = (name: string): string => `HostConfig.Mounts[].${name}`;
const ownVm = 'a pod shares no namespace with the host or with other pods';

/** `HostConfig`: what surrounds the container. */
export const hostRows: readonly BodyRow[] = [
  ...resourceRows('HostConfig.'),
  row('partly', h('Devices[].PathOnHost'), 'string', '/dev/fuse', {
    note: '/dev/fuse, /dev/net/tun and the like, which the guest’s kernel has; none of the host’s',
  }),
  row('yes', h('Devices[].PathInContainer'), 'string', '/dev/other', { note: 'below /dev' }),
  row('partly', h('Devices[].CgroupPermissions'), 'string', 'rwm', { kept: true, note: 'rw and rwm' }),
  row('yes', h('Ulimits[].Name'), 'string', 'nofile'),
  row('yes', h('Ulimits[].Soft'), 'int', 1024),
  row('yes', h('Ulimits[].Hard'), 'int', 2048),
  row('yes', h('Binds'), 'strings', ['vol:/data'], {
    note: 'volumes; host paths and the daemon’s socket for the owner of the local socket; shared propagation is refused, and mounts that the host makes later are not seen',
  }),
  row('yes', m('Type'), 'string', 'tmpfs', {
    note: 'bind, volume, tmpfs; npipe, cluster and image are refused',
  }),
  row('yes', m('Source'), 'string', 'other'),
  row('yes', m('Target'), 'string', '/other'),
  row('yes', m('ReadOnly'), 'bool', true),
  row('partly', m('Consistency'), 'string', 'cached', {
    kept: true,
    note: 'no effect, as on any Linux daemon',
  }),
  row('refused', m('BindOptions.Propagation'), 'string', 'rshared', {
    neutral: ['private', 'rprivate', 'slave', 'rslave'],
    note: 'mounts made in the guest stay there, and those that the host makes later are not seen there',
    form: {
      pattern: /^r?(private|slave|shared)$/,
      otherwise: 'invalid mount config for type "bind": invalid propagation mode',
    },
  }),
  row('refused', m('BindOptions.NonRecursive'), 'bool', true, {
    note: 'a host path is shared with what is mounted in it',
  }),
  row('yes', m('BindOptions.CreateMountpoint'), 'bool', true, {
    kept: true,
    note: 'makes a missing host directory',
  }),
  row('refused', m('BindOptions.ReadOnlyNonRecursive'), 'bool', true, { note: 'read-only means all of it' }),
  row('yes', m('BindOptions.ReadOnlyForceRecursive'), 'bool', true, { kept: true, note: 'always so' }),
  row('yes', m('VolumeOptions.NoCopy'), 'bool', true),
  row('yes', m('VolumeOptions.Labels'), 'labels', { a: 'b' }),
  row('yes', m('VolumeOptions.Subpath'), 'string', 'sub'),
  row('yes', m('VolumeOptions.DriverConfig.Name'), 'string', 'other', {
    note: 'local; the volume is refused with another',
  }),
  row('yes', m('VolumeOptions.DriverConfig.Options'), 'labels', { size: '1g' }),
  row('yes', m('TmpfsOptions.SizeBytes'), 'int', 1_048_576),
  row('yes', m('TmpfsOptions.Mode'), 'int', 0o700),
  row('partly', m('TmpfsOptions.Options'), 'any', [['exec']], { note: 'flags that --tmpfs takes' }),
  row('refused', m('ImageOptions.Subpath'), 'string', 'sub', { note: 'mounts of type image' }),
  row('refused', m('ClusterOptions'), 'any', { a: 1 }, { note: 'cluster volumes' }),
  row('yes', h('Tmpfs'), 'labels', { '/run': 'size=1m' }),
  row('yes', h('VolumeDriver'), 'string', 'other', {
    kept: true,
    note: 'local; a volume is refused with another',
  }),
  row('yes', h('VolumesFrom'), 'strings', ['other:ro'], {
    note: 'volumes and host paths; those of a running container are shared with it',
  }),
  row('yes', h('NetworkMode'), 'string', 'none', {
    note: 'default, bridge, none, or a network, which must be there when it starts; host and container:… are refused',
  }),
  row('yes', h('PortBindings{}[].HostIp'), 'string', '127.0.0.1'),
  row('yes', h('PortBindings{}[].HostPort'), 'string', '8080', {
    note: 'tcp and udp; one port, a free one of a range, or any free one',
  }),
  row('yes', h('PublishAllPorts'), 'bool', true),
  row('yes', h('Dns'), 'strings', ['10.0.0.1']),
  row('yes', h('DnsOptions'), 'strings', ['ndots:1']),
  row('yes', h('DnsSearch'), 'strings', ['example.org']),
  row('yes', h('ExtraHosts'), 'strings', ['db:10.0.0.9'], { note: '`host-gateway` is the pod’s gateway' }),
  row('partly', h('Links'), 'strings', ['db:store'], {
    note: 'names and variables; names are answered by the resolver, not by /etc/hosts; on the default network both are on one host, or there are none',
  }),
  row('yes', h('RestartPolicy.Name'), 'string', 'always'),
  row('yes', h('RestartPolicy.MaximumRetryCount'), 'int', 3),
  row('yes', h('AutoRemove'), 'bool', true),
  row('yes', h('CapAdd'), 'strings', ['NET_ADMIN']),
  row('yes', h('CapDrop'), 'strings', ['MKNOD']),
  row('yes', h('Privileged'), 'bool', true, { note: 'inside its own VM' }),
  row('partly', h('SecurityOpt'), 'strings', ['no-new-privileges'], {
    note: 'no-new-privileges, systempaths=unconfined, label=disable, seccomp/apparmor=unconfined; profiles are refused',
  }),
  row('yes', h('GroupAdd'), 'strings', ['audio']),
  row('yes', h('ReadonlyRootfs'), 'bool', true),
  row('yes', h('ShmSize'), 'int', 1_048_576),
  row('yes', h('Sysctls'), 'labels', { 'net.core.somaxconn': '1024' }),
  row('yes', h('Init'), 'bool', true),
  row('yes', h('OomScoreAdj'), 'int', 100),
  row('yes', h('MaskedPaths'), 'strings', ['/proc/kcore']),
  row('yes', h('ReadonlyPaths'), 'strings', ['/proc/sys']),
  row('yes', h('LogConfig.Type'), 'string', 'none', { note: 'json-file, local, none; others are refused' }),
  row(
    'partly',
    h('LogConfig.Config'),
    'labels',
    { 'max-size': '1m' },
    {
      note: 'max-size, max-file, labels, env, their expressions, tag; compress and mode with their defaults; others are refused',
    },
  ),
  row('yes', h('StorageOpt'), 'labels', { size: '1g' }, { note: 'size' }),
  row('yes', h('ConsoleSize'), 'ints', [24, 80]),
  row('yes', h('Annotations'), 'labels', { a: 'b' }),
  row('yes', h('ContainerIDFile'), 'string', '/tmp/id', { kept: true, note: 'the client writes it' }),
  row('refused', h('IpcMode'), 'string', 'host', {
    neutral: ['private', 'shareable'],
    note: ownVm,
    form: { pattern: /^(none|private|shareable|host|container:.+)$/, otherwise: 'invalid IPC mode' },
  }),
  row('refused', h('PidMode'), 'string', 'host', {
    neutral: ['private'],
    note: ownVm,
    form: { pattern: /^(private|host|container:.+)$/, otherwise: 'invalid PID mode' },
  }),
  row('refused', h('UTSMode'), 'string', 'host', {
    neutral: ['private'],
    note: ownVm,
    form: { pattern: /^(private|host)$/, otherwise: 'invalid UTS mode' },
  }),
  row('partly', h('UsernsMode'), 'string', 'host', {
    kept: true,
    note: 'host: the VM is the boundary, so users are not remapped',
    form: { pattern: /^host$/, otherwise: 'invalid user namespace mode' },
  }),
  row('refused', h('CgroupnsMode'), 'string', 'host', {
    neutral: ['private'],
    note: ownVm,
    form: { pattern: /^(private|host)$/, otherwise: 'invalid cgroup namespace mode' },
  }),
  row('refused', h('Cgroup'), 'string', 'container:x', { note: ownVm }),
  row('refused', h('Runtime'), 'string', 'runsc', {
    neutral: ['runc', 'kraud', 'io.containerd.runc.v2'],
    note: 'every pod runs in a microVM',
  }),
  row('refused', h('Isolation'), 'string', 'hyperv', { neutral: ['default'], note: 'Windows only' }),
];
