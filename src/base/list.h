/* list.h: intrusive doubly linked list. The head is a node of its own; an item is in at most one
 * list per node. list_remove() is safe on a node that is in none (after list_init). */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
	struct list *prev, *next;
};

#define LIST_INIT(name) { &(name), &(name) }

/* The struct of `type` whose `member` is at node. */
#define LIST_ITEM(node, type, member) ((type *)(void *)((char *)(node) - offsetof(type, member)))

/* Walks the nodes; the body may remove the present one. */
#define LIST_EACH(node, head) \
	for (struct list *node = (head)->next, *node##_next = node->next; node != (head); \
	     node = node##_next, node##_next = node->next)

static inline void list_init(struct list *l)
{
	l->prev = l->next = l;
}

static inline bool list_is_empty(const struct list *l)
{
	return l->next == l;
}

static inline void list_add_before(struct list *at, struct list *node)
{
	node->prev = at->prev;
	node->next = at;
	at->prev->next = node;
	at->prev = node;
}

/* At the end of the list with this head. */
static inline void list_append(struct list *head, struct list *node)
{
	list_add_before(head, node);
}

static inline void list_push(struct list *head, struct list *node)
{
	list_add_before(head->next, node);
}

static inline void list_remove(struct list *node)
{
	node->prev->next = node->next;
	node->next->prev = node->prev;
	list_init(node);
}

#endif
