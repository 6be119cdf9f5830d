export * from './contract.ts';
export { type EmbeddedOptions, embeddedDefaults } from './embedded/embedded-store.ts';
export { openLmdbStore } from './lmdb/open.ts';
export { openMemoryStore } from './memory/open.ts';
