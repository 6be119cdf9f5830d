export * from './contract.ts';
export { type EmbeddedOptions, embeddedDefaults } from './embedded/embedded-store.ts';
export { type EtcdAddress, parseEtcdAddress } from './etcd/address.ts';
export type { EtcdTls } from './etcd/endpoint.ts';
export type { EtcdOptions } from './etcd/etcd-store.ts';
export { type EtcdLimits, etcdLimits } from './etcd/limits.ts';
export { openEtcdStore } from './etcd/open.ts';
export { openLmdbStore } from './lmdb/open.ts';
export { openMemoryStore } from './memory/open.ts';
