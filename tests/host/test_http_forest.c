/* Which boxes the nodes of a derivation forest become, and the picture of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "libos-net/examples/http_forest.h"

#define NODES_MAX  1024u
#define DRAWN_MAX  (1u << 20)
#define KINDS      (FOREST_BOXES + 10)
#define KIND_BYTES 8u

static struct forest forest;
static struct forest_node nodes[NODES_MAX];
static char drawn[DRAWN_MAX];

static int make_empty(void **state)
{
    (void)state;
    memset(&forest, 0, sizeof forest);
    forest.nodes = nodes;
    forest.room = NODES_MAX;
    return 0;
}

static void add(node_t name, node_t parent, uint32_t env, const char *what)
{
    assert_true(forest.count < forest.room);
    nodes[forest.count++] =
        (struct forest_node){.name = name, .parent = parent, .what = what, .env = env};
}

static const struct forest_box *box_of(uint32_t env, const char *what)
{
    for (uint32_t i = 0; i < forest.box_count; i++)
        if (forest.boxes[i].env == env && !strcmp(forest.boxes[i].what, what))
            return &forest.boxes[i];
    return NULL;
}

static void assert_box(uint32_t env, const char *what, uint32_t count, uint32_t column,
                       uint32_t row)
{
    const struct forest_box *b = box_of(env, what);

    assert_non_null(b);
    assert_int_equal(b->nodes, count);
    assert_int_equal(b->column, column);
    assert_int_equal(b->row, row);
}

static void add_small_world(void)
{
    add(900, 0, 1, "power");
    add(50, 10, 1, "pages"); /* before its parent, by name behind it */
    add(51, 10, 1, "pages");
    add(20, 10, 2, "region");
    add(10, 0, 1, "region");
    add(5, 20, 2, "pages"); /* its name comes before its parent's */
    add(6, 20, 3, "pages");
}

static void nodes_of_one_kind_below_one_box_are_a_box(void **state)
{
    (void)state;
    add_small_world();
    forest_arrange(&forest);
    assert_int_equal(forest.box_count, 6);
    assert_int_equal(forest.left_out, 0);
    assert_int_equal(box_of(1, "pages")->nodes, 2);
    assert_int_equal(forest.boxes[box_of(3, "pages")->parent].env, 2);
}

static void a_first_child_stands_in_its_parents_row(void **state)
{
    (void)state;
    add_small_world();
    forest_arrange(&forest);
    assert_int_equal(forest.columns, 3);
    assert_int_equal(forest.rows, 4);
    assert_box(1, "region", 1, 0, 0);
    assert_box(2, "region", 1, 1, 0);
    assert_box(2, "pages", 1, 2, 0);
    assert_box(3, "pages", 1, 2, 1);
    assert_box(1, "pages", 2, 1, 2);
    assert_box(1, "power", 1, 0, 3);
}

static void a_node_that_is_told_twice_counts_once_below_its_parent(void **state)
{
    (void)state;
    add(10, 0, 1, "ring");
    add(30, 0, 2, "filter");
    add(30, 10, 2, "filter");
    add(30, 0, 2, "filter");
    forest_arrange(&forest);
    assert_int_equal(forest.count, 2);
    assert_box(2, "filter", 1, 1, 0);
}

static void a_node_whose_parent_is_unknown_is_a_root(void **state)
{
    (void)state;
    add(10, 77, 1, "frames");
    forest_arrange(&forest);
    assert_box(1, "frames", 1, 0, 0);
}

static void nodes_below_themselves_are_left_out(void **state)
{
    (void)state;
    add(1, 0, 1, "region");
    add(10, 11, 1, "frames");
    add(11, 10, 1, "frames");
    forest_arrange(&forest);
    assert_int_equal(forest.box_count, 1);
    assert_int_equal(forest.left_out, 2);
}

static void what_has_no_box_is_left_out_with_all_below(void **state)
{
    (void)state;
    static char kinds[KINDS][KIND_BYTES];

    for (uint32_t i = 0; i < KINDS; i++) {
        snprintf(kinds[i], KIND_BYTES, "%u", i);
        add(100 + i, 0, 1, kinds[i]);
    }
    add(1, 100 + KINDS - 1, 2, "pages");
    forest_arrange(&forest);
    assert_int_equal(forest.box_count, FOREST_BOXES);
    assert_int_equal(forest.left_out, KINDS - FOREST_BOXES + 1);
    assert_null(box_of(2, "pages"));
}

static uint32_t occurrences(const char *text)
{
    uint32_t count = 0;

    for (const char *at = drawn; (at = strstr(at, text)); at++)
        count++;
    return count;
}

static void the_picture_has_every_box_and_line(void **state)
{
    (void)state;
    struct http_text t = {drawn, sizeof drawn - 1, 0};

    add_small_world();
    add(901, 0, 7, "<odd>");
    forest_arrange(&forest);
    forest_draw(&forest, &t);
    assert_false(http_text_is_cut(&t));
    drawn[t.used] = '\0';
    assert_int_equal(occurrences("<rect "), 7);
    assert_int_equal(occurrences("<path "), 4);
    assert_int_equal(occurrences("&#215;2<"), 1); /* pages of number 1, and no other number */
    assert_int_equal(occurrences("&#215;"), 1);
    assert_int_equal(occurrences("&lt;odd&gt;"), 1);
    assert_int_equal(occurrences("class=\"c1\""), 4); /* number 7 has the colour of number 1 */
    assert_non_null(strstr(drawn, "M198 12H211V12H224\"/>")); /* side by side */
    assert_non_null(strstr(drawn, "</svg>"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(nodes_of_one_kind_below_one_box_are_a_box, make_empty),
        cmocka_unit_test_setup(a_first_child_stands_in_its_parents_row, make_empty),
        cmocka_unit_test_setup(a_node_that_is_told_twice_counts_once_below_its_parent, make_empty),
        cmocka_unit_test_setup(a_node_whose_parent_is_unknown_is_a_root, make_empty),
        cmocka_unit_test_setup(nodes_below_themselves_are_left_out, make_empty),
        cmocka_unit_test_setup(what_has_no_box_is_left_out_with_all_below, make_empty),
        cmocka_unit_test_setup(the_picture_has_every_box_and_line, make_empty),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
