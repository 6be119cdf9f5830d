export * from './cache/index.ts';
export * from './controllers/index.ts';
export * from './events/index.ts';
export * from './health/index.ts';
export * from './model/index.ts';
export * from './resources/index.ts';
export * from './scheduler/index.ts';
export * from './store/index.ts';
