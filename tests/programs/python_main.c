/* Python's interpreter, to be linked static with libpython. */
extern int Py_BytesMain(int count, char **words);

int main(int count, char **words)
{
    return Py_BytesMain(count, words);
}
