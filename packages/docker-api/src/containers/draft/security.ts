import { KraudError } from '@kraud/base';
import type { ContainerDraft } from '@kraud/cloud';
import type { HostBody } from './body.ts';

/** Options that ask for what every pod has anyway: there is no profile to switch off. */
const already = new Set(['seccomp=unconfined', 'apparmor=unconfined', 'label=disable', 'seccomp=builtin']);

export function securityOf(
  host: HostBody,
): Pick<ContainerDraft, 'noNewPrivileges' | 'maskedPaths' | 'readonlyPaths'> {
  const result: Pick<ContainerDraft, 'noNewPrivileges' | 'maskedPaths' | 'readonlyPaths'> = {
    ...(host.MaskedPaths ? { maskedPaths: host.MaskedPaths } : {}),
    ...(host.ReadonlyPaths ? { readonlyPaths: host.ReadonlyPaths } : {}),
  };
  for (const option of host.SecurityOpt ?? []) {
    const [name = '', value] = option.includes('=') ? split(option, '=') : split(option, ':');
    if (name === 'no-new-privileges' && (value === undefined || value === 'true'))
      result.noNewPrivileges = true;
    else if (name === 'no-new-privileges' && value === 'false') result.noNewPrivileges = false;
    else if (name === 'systempaths' && value === 'unconfined') {
      result.maskedPaths = [];
      result.readonlyPaths = [];
    } else if (!already.has(`${name}=${value}`)) {
      throw new KraudError('unsupported', `HostConfig.SecurityOpt ${option.slice(0, 100)} is not supported`);
    }
  }
  return result;
}

function split(text: string, at: string): string[] {
  const i = text.indexOf(at);
  return i < 0 ? [text] : [text.slice(0, i), text.slice(i + 1)];
}
