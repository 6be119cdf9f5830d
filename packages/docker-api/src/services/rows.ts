import { type BodyRow, row } from '../body/rows.ts';
import { containerRows } from './rows-container.ts';

const t = (name: string): string => `TaskTemplate.${name}`;

const attachmentRows = (prefix: string): BodyRow[] => [
  row('yes', `${prefix}Networks[].Target`, 'string', 'front'),
  row('yes', `${prefix}Networks[].Aliases`, 'strings', ['db']),
  row(
    'refused',
    `${prefix}Networks[].DriverOpts`,
    'labels',
    { a: 'b' },
    { note: 'networks have no drivers' },
  ),
];

function updateRows(prefix: string): BodyRow[] {
  const u = (name: string): string => `${prefix}.${name}`;
  return [
    row('yes', u('Parallelism'), 'int', 2),
    row('yes', u('Delay'), 'int', 1_000_000_000),
    row('yes', u('FailureAction'), 'string', 'continue'),
    row('yes', u('Monitor'), 'int', 1_000_000_000),
    row('yes', u('MaxFailureRatio'), 'number', 0.5),
    row('yes', u('Order'), 'string', 'start-first'),
  ];
}

/** Around the tasks: how many, where, and how they change. Samples ask for something other than the default. */
export const serviceRows: readonly BodyRow[] = [
  row('yes', 'Name', 'string', 'web'),
  row('yes', 'Labels', 'labels', { a: 'b' }),
  ...containerRows,
  row('refused', t('PluginSpec'), 'any', { Name: 'x' }, { note: 'plugins' }),
  row('refused', t('NetworkAttachmentSpec'), 'any', { ContainerID: 'x' }, { note: 'swarm’s own use' }),
  row('yes', t('Resources.Limits.NanoCPUs'), 'int', 500_000_000),
  row('yes', t('Resources.Limits.MemoryBytes'), 'int', 134_217_728),
  row('yes', t('Resources.Limits.Pids'), 'int', 50),
  row('yes', t('Resources.Reservations.NanoCPUs'), 'int', 500_000_000),
  row('yes', t('Resources.Reservations.MemoryBytes'), 'int', 67_108_864),
  row(
    'partly',
    t('Resources.Reservations.GenericResources'),
    'any',
    [{ DiscreteResourceSpec: { Kind: 'ssd', Value: 1 } }],
    {
      note: 'what hosts say they have by a label (`kr.generic.KIND=N`), counted; a VM is given no devices of the host',
    },
  ),
  row('refused', t('Resources.SwapBytes'), 'int', 1, { note: 'the guest has no swap' }),
  row('refused', t('Resources.MemorySwappiness'), 'int', 10, {
    neutral: [-1],
    note: 'the guest has no swap',
  }),
  row('yes', t('RestartPolicy.Condition'), 'string', 'on-failure'),
  row('yes', t('RestartPolicy.Delay'), 'int', 1_000_000_000),
  row('yes', t('RestartPolicy.MaxAttempts'), 'int', 3),
  row('yes', t('RestartPolicy.Window'), 'int', 1_000_000_000),
  row('partly', t('Placement.Constraints'), 'strings', ['node.role==manager'], {
    note: 'node.id, node.hostname, node.role, node.platform.os, node.platform.arch, node.labels.… and engine.labels.… (a host’s label of that name); others are refused',
  }),
  row('partly', t('Placement.Preferences[].Spread.SpreadDescriptor'), 'string', 'node.labels.zone', {
    note: 'the same names as in constraints; others spread nothing, with a warning',
  }),
  row('yes', t('Placement.MaxReplicas'), 'int', 2),
  row('yes', t('Placement.Platforms[].Architecture'), 'string', 'amd64'),
  row('yes', t('Placement.Platforms[].OS'), 'string', 'linux'),
  ...attachmentRows('TaskTemplate.'),
  row('yes', t('LogDriver.Name'), 'string', 'local', { note: 'json-file, local, none; others are refused' }),
  row('partly', t('LogDriver.Options'), 'labels', { 'max-size': '1m' }, { note: 'max-size, max-file' }),
  row('yes', t('ForceUpdate'), 'int', 1),
  row('refused', t('Runtime'), 'string', 'plugin', { neutral: ['container'], note: 'plugins' }),
  row('yes', 'Mode.Replicated.Replicas', 'int', 3),
  row('yes', 'Mode.Global', 'set', {}),
  row('yes', 'Mode.ReplicatedJob.MaxConcurrent', 'int', 2),
  row('yes', 'Mode.ReplicatedJob.TotalCompletions', 'int', 4),
  row('yes', 'Mode.GlobalJob', 'set', {}),
  ...updateRows('UpdateConfig'),
  ...updateRows('RollbackConfig'),
  ...attachmentRows(''),
  row('yes', 'EndpointSpec.Mode', 'string', 'dnsrr'),
  row('yes', 'EndpointSpec.Ports[].Name', 'string', 'http', { kept: true }),
  row('yes', 'EndpointSpec.Ports[].Protocol', 'string', 'udp', { note: 'tcp and udp; sctp is refused' }),
  row('yes', 'EndpointSpec.Ports[].TargetPort', 'int', 81),
  row('yes', 'EndpointSpec.Ports[].PublishedPort', 'int', 8080),
  row('yes', 'EndpointSpec.Ports[].PublishMode', 'string', 'host'),
];
