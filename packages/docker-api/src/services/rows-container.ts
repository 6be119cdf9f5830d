import { type BodyRow, row } from '../body/rows.ts';

const c = (name: string): string => `TaskTemplate.ContainerSpec.${name}`;
const m = (name: string): string => `TaskTemplate.ContainerSpec.Mounts[].${name}`;
const templated = '`{{.Service.…}}`, `{{.Task.…}}` and `{{.Node.…}}` are filled in';

/** What runs in each task. */
export const containerRows: readonly BodyRow[] = [
  row('yes', c('Image'), 'string', 'other:1', {
    note: 'resolved once for each revision; one that isn’t here is pulled, and the service refused if that fails',
  }),
  row(
    'yes',
    c('Labels'),
    'labels',
    { a: 'b' },
    { note: '`kr.sleep=5m`: it sleeps once it has been idle for so long; `kr.band`: how important it is' },
  ),
  row('yes', c('Command'), 'strings', ['/bin/sh']),
  row('yes', c('Args'), 'strings', ['-c', 'true']),
  row('yes', c('Hostname'), 'string', 'box', { note: templated }),
  row('yes', c('Env'), 'strings', ['A=1'], { note: templated }),
  row('yes', c('Dir'), 'string', '/srv'),
  row('yes', c('User'), 'string', '1000:1000'),
  row('yes', c('Groups'), 'strings', ['audio']),
  row('refused', c('Privileges.CredentialSpec'), 'any', { File: 'x' }, { note: 'Windows only' }),
  row('yes', c('Privileges.SELinuxContext.Disable'), 'bool', true, { kept: true, note: 'there is none' }),
  ...['User', 'Role', 'Type', 'Level'].map((name) =>
    row('refused', c(`Privileges.SELinuxContext.${name}`), 'string', 'x', {
      note: 'no profiles in the guest',
    }),
  ),
  row('refused', c('Privileges.Seccomp.Mode'), 'string', 'custom', {
    neutral: ['default', 'unconfined'],
    note: 'no profiles in the guest',
  }),
  row('refused', c('Privileges.Seccomp.Profile'), 'string', 'e30=', { note: 'no profiles in the guest' }),
  row('refused', c('Privileges.AppArmor.Mode'), 'string', 'other', {
    neutral: ['default', 'disabled'],
    note: 'no profiles in the guest',
  }),
  row('yes', c('Privileges.NoNewPrivileges'), 'bool', true),
  row('yes', c('Init'), 'bool', true),
  row('yes', c('StopSignal'), 'string', 'SIGINT'),
  row('yes', c('TTY'), 'bool', true),
  row('yes', c('OpenStdin'), 'bool', true),
  row('yes', c('ReadOnly'), 'bool', true),
  row('yes', m('Type'), 'string', 'tmpfs', {
    note: 'bind, volume, tmpfs; npipe, cluster and image are refused',
  }),
  row('yes', m('Source'), 'string', 'other', {
    note: `${templated}; a path that a task’s host lacks has the task rejected`,
  }),
  row('yes', m('Target'), 'string', '/other', { note: templated }),
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
    note: 'makes a missing directory',
  }),
  row('refused', m('BindOptions.ReadOnlyNonRecursive'), 'bool', true, { note: 'read-only means all of it' }),
  row('yes', m('BindOptions.ReadOnlyForceRecursive'), 'bool', true, { kept: true, note: 'always so' }),
  row('yes', m('VolumeOptions.NoCopy'), 'bool', true),
  row('yes', m('VolumeOptions.Labels'), 'labels', { a: 'b' }),
  row('yes', m('VolumeOptions.Subpath'), 'string', 'sub'),
  row('yes', m('VolumeOptions.DriverConfig.Name'), 'string', 'other', { note: 'local' }),
  row('yes', m('VolumeOptions.DriverConfig.Options'), 'labels', { size: '1g' }),
  row('yes', m('TmpfsOptions.SizeBytes'), 'int', 1_048_576),
  row('yes', m('TmpfsOptions.Mode'), 'int', 0o700),
  row('partly', m('TmpfsOptions.Options'), 'any', [['exec']], { note: 'flags that --tmpfs takes' }),
  row('refused', m('ImageOptions.Subpath'), 'string', 'sub', { note: 'mounts of type image' }),
  row('refused', m('ClusterOptions'), 'any', { a: 1 }, { note: 'cluster volumes' }),
  row('yes', c('StopGracePeriod'), 'int', 3_000_000_000),
  row('yes', c('Healthcheck.Test'), 'strings', ['CMD', 'true']),
  row('yes', c('Healthcheck.Interval'), 'int', 2_000_000_000),
  row('yes', c('Healthcheck.Timeout'), 'int', 2_000_000_000),
  row('yes', c('Healthcheck.StartPeriod'), 'int', 2_000_000_000),
  row('yes', c('Healthcheck.StartInterval'), 'int', 2_000_000_000),
  row('yes', c('Healthcheck.Retries'), 'int', 7),
  row('yes', c('Hosts'), 'strings', ['10.0.0.9 db']),
  row('yes', c('DNSConfig.Nameservers'), 'strings', ['10.0.0.1']),
  row('yes', c('DNSConfig.Search'), 'strings', ['example.org']),
  row('yes', c('DNSConfig.Options'), 'strings', ['ndots:1']),
  ...['Secret', 'Config'].flatMap((kind) => fileRows(kind)),
  row('refused', c('Configs[].Runtime'), 'any', { a: 1 }, { note: 'credential specs, Windows only' }),
  row('refused', c('Isolation'), 'string', 'hyperv', { neutral: ['default'], note: 'Windows only' }),
  row('yes', c('Sysctls'), 'labels', { 'net.core.somaxconn': '1024' }),
  row('yes', c('CapabilityAdd'), 'strings', ['NET_ADMIN']),
  row('yes', c('CapabilityDrop'), 'strings', ['MKNOD']),
  row('yes', c('Ulimits[].Name'), 'string', 'nofile'),
  row('yes', c('Ulimits[].Soft'), 'int', 1024),
  row('yes', c('Ulimits[].Hard'), 'int', 2048),
  row('yes', c('OomScoreAdj'), 'int', 100),
];

function fileRows(kind: string): BodyRow[] {
  const f = (name: string): string => c(`${kind}s[].${name}`);
  return [
    row('yes', f(`${kind}ID`), 'string', 'x'),
    row('yes', f(`${kind}Name`), 'string', 'x'),
    row('yes', f('File.Name'), 'string', '/x'),
    row('yes', f('File.UID'), 'string', '1'),
    row('yes', f('File.GID'), 'string', '1'),
    row('yes', f('File.Mode'), 'int', 0o400),
  ];
}
