import { KraudError, parseBytes } from '@kraud/base';

export function writableBytesOf(options: Record<string, string> | undefined): number | undefined {
  for (const name of Object.keys(options ?? {})) {
    if (name !== 'size')
      throw new KraudError('unsupported', `HostConfig.StorageOpt.${name} is not supported`);
  }
  return options?.size === undefined ? undefined : parseBytes(options.size);
}
