import { KraudError } from '@kraud/base';

const flags =
  'rw ro suid nosuid dev nodev exec noexec sync async atime noatime diratime nodiratime relatime norelatime strictatime nostrictatime'.split(
    ' ',
  );
const value = /^(?:(?:size|nr_blocks|nr_inodes)=\d+[kmgKMG%]?|mode=0?[0-7]{1,4}|[ug]id=\d{1,9})$/;

/**
 * The mount options of a volume that is memory; undefined for any other. Such a volume has no disk: each container that
 * mounts it has a tmpfs of its own, for as long as it runs. What a tmpfs doesn't take is refused by name.
 *
 * | options                                        | of the tmpfs       |
 * | ---------------------------------------------- | ------------------ |
 * | `type=tmpfs`, `device=tmpfs`, `o=size=1m,uid=5` | `size=1m,uid=5`    |
 * | `type=tmpfs`, `device=tmpfs`                    | ``                 |
 * | `size=1g`                                      | –                  |
 */
export function memoryOptions(options: Readonly<Record<string, string>>): string | undefined {
  if (options.type !== 'tmpfs') return undefined;
  const words = (options.o ?? '').split(',').filter((word) => word !== '');
  const strange = words.find((word) => !flags.includes(word) && !value.test(word));
  if (strange !== undefined) {
    throw new KraudError('unsupported', `create volume: ${strange} is not supported as an option of a tmpfs`);
  }
  return words.join(',');
}
