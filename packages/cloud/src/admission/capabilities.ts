import { KraudError } from '@kraud/base';

/** Linux capabilities by number, `capability.h`. */
export const capabilityNames = [
  'CHOWN',
  'DAC_OVERRIDE',
  'DAC_READ_SEARCH',
  'FOWNER',
  'FSETID',
  'KILL',
  'SETGID',
  'SETUID',
  'SETPCAP',
  'LINUX_IMMUTABLE',
  'NET_BIND_SERVICE',
  'NET_BROADCAST',
  'NET_ADMIN',
  'NET_RAW',
  'IPC_LOCK',
  'IPC_OWNER',
  'SYS_MODULE',
  'SYS_RAWIO',
  'SYS_CHROOT',
  'SYS_PTRACE',
  'SYS_PACCT',
  'SYS_ADMIN',
  'SYS_BOOT',
  'SYS_NICE',
  'SYS_RESOURCE',
  'SYS_TIME',
  'SYS_TTY_CONFIG',
  'MKNOD',
  'LEASE',
  'AUDIT_WRITE',
  'AUDIT_CONTROL',
  'SETFCAP',
  'MAC_OVERRIDE',
  'MAC_ADMIN',
  'SYSLOG',
  'WAKE_ALARM',
  'BLOCK_SUSPEND',
  'AUDIT_READ',
  'PERFMON',
  'BPF',
  'CHECKPOINT_RESTORE',
] as const;

/** What a container has when it asks for nothing, as documented for `docker run`. */
export const defaultCapabilities = [
  'CHOWN',
  'DAC_OVERRIDE',
  'FSETID',
  'FOWNER',
  'MKNOD',
  'NET_RAW',
  'SETGID',
  'SETUID',
  'SETFCAP',
  'SETPCAP',
  'NET_BIND_SERVICE',
  'SYS_CHROOT',
  'KILL',
  'AUDIT_WRITE',
] as const;

function known(text: string): string {
  const name = text.toUpperCase().replace(/^CAP_/, '');
  if (name !== 'ALL' && !(capabilityNames as readonly string[]).includes(name)) {
    throw new KraudError('invalid', `invalid capability: unknown capability '${text}'`);
  }
  return name;
}

/**
 * The set that results from the default one.
 *
 * | add   | drop    | result                  |
 * | ----- | ------- | ----------------------- |
 * | –     | –       | default                 |
 * | A     | –       | default + A             |
 * | –     | ALL     | nothing                 |
 * | A     | ALL     | only A                  |
 * | ALL   | B       | all but B               |
 */
export function resolveCapabilities(
  add: readonly string[],
  drop: readonly string[],
  privileged: boolean,
): string[] {
  const adds = add.map(known);
  const drops = new Set(drop.map(known));
  if (privileged) return [...capabilityNames];
  const base: readonly string[] = adds.includes('ALL')
    ? capabilityNames
    : drops.has('ALL')
      ? []
      : defaultCapabilities;
  const named = adds.filter((name) => name !== 'ALL');
  const result = new Set([...base.filter((name) => !drops.has(name)), ...named]);
  return capabilityNames.filter((name) => result.has(name));
}
