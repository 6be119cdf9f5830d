export { type Mutation, ResourceClient } from './client.ts';
export { Table } from './table.ts';
export { type TableParts, Tables, tableOf } from './tables.ts';
