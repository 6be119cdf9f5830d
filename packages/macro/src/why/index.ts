export { type WhyAnswer, type WhyState, why } from './why.ts';
