export type * from './contract.ts';
export { defaultVolumeLimits, type VolumeLimits } from './defaults.ts';
export { Ext4Maker } from './ext4.ts';
export { Holders } from './holders.ts';
export { LocalBlockVolumes, type LocalBlockVolumesOptions } from './lv.ts';
export { checkName as checkVolumeName } from './names.ts';
